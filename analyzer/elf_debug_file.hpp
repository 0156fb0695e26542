// SPDX-License-Identifier: Apache-2.0
// Where a stripped file's symbols went: a separate debug file, found by build id or by debug link.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "analyzer/elf_file.hpp"

namespace neuroperf::analyzer {

bool has_debug_information(const ElfFile &elf);

// Whether there is anything in a file that stripping takes away.
bool has_symbols_or_debug_information(const ElfFile &elf);

// `path` is the file's path on the system, `root` what stands before all its paths, `debug_root` the folder of debug
// files below that. A candidate counts only if its build id, or the checksum in the link, agrees.
std::optional<ElfFile> find_debug_file(const ElfFile &elf, const std::string &path,
				       const std::string &debug_root = "/usr/lib/debug", const std::string &root = "");

// DEBUG_ROOT/.build-id/ab/cdef.debug; `debug_root` with all that stands before it.
std::optional<ElfFile> find_debug_file_by_build_id(std::string_view build_id, const std::string &debug_root);

} // namespace neuroperf::analyzer
