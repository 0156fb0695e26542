// SPDX-License-Identifier: Apache-2.0
// The functions of the kernel that was recorded, at the addresses that they had then.
//
// Three places, in this order: /proc/kallsyms, if this is still the same boot; the copy of kallsyms in perf's cache;
// vmlinux by build id. The kernel moves by a random distance at each boot, which _text tells: copies and vmlinux are
// moved by it (modules are not: where they lay is in kallsyms of that boot only).
#pragma once

#include <cstdint>
#include <string>

#include "analyzer/code_file.hpp"
#include "analyzer/symbol_table.hpp"

namespace neuroperf::analyzer {

struct RecordedKernel {
	std::string build_id;      // empty: not known
	uint64_t text_address = 0; // of _text; 0: not known
};

struct KernelSymbols {
	SymbolTable table;   // empty if nothing is found
	std::string problem; // why it is empty, or what is missing; else empty
};

// `kallsyms`: the file to look at, "" for none of the three places.
KernelSymbols find_kernel_symbols(const RecordedKernel &recorded, const std::string &kallsyms, CodeFinder *finder);

} // namespace neuroperf::analyzer
