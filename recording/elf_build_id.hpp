// SPDX-License-Identifier: Apache-2.0
// Build ids of ELF files, read without mapping the file or parsing more of it than its notes.
//
// The files belong to whoever is recorded: every size and offset in them is checked against bounds of our own.
#pragma once

#include <string>
#include <string_view>

namespace neuroperf::recording {

// The id (raw bytes, at most kMaxBuildId) among ELF notes, as they stand in a segment, in /sys/kernel/notes, or in
// /sys/module/NAME/notes/.note.gnu.build-id; empty without one. `alignment`: of the notes' names and contents.
std::string build_id_in_notes(std::string_view notes, std::size_t alignment = 4);

// The id of a 32- or 64-bit little-endian ELF file, by its program headers; empty without one, also when the file is
// no such file or cannot be read.
std::string elf_build_id(int fd);

constexpr std::size_t kMaxBuildId = 20; // what a record can hold; longer ones are cut, as the kernel does

} // namespace neuroperf::recording
