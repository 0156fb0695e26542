// SPDX-License-Identifier: Apache-2.0
// Finds the separate debug file of a stripped ELF file, where distributions put what `strip` took away.
#pragma once

#include <optional>
#include <string>

#include "analyzer/elf_file.hpp"

namespace neuroperf::analyzer {

// By build-id under `root`/.build-id, else by .gnu_debuglink: next to `path`, in its .debug/, and in `root`/<its
// folder>. Only a file that has a .symtab and belongs to `elf` is returned: the build-ids must not differ, and for a
// debuglink the CRC must agree.
std::optional<ElfFile> find_debug_file(const ElfFile &elf, const std::string &path,
				       const std::string &root = "/usr/lib/debug");

} // namespace neuroperf::analyzer
