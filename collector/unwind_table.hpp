// SPDX-License-Identifier: Apache-2.0
// Parts of functions that compilers put away from the rest (.text.unlikely, "foo.cold"), as the table for unwinding
// (PT_GNU_EH_FRAME) shows them.
//
// Each part has an entry of its own there. Where a function begins, the frame is as its caller left it: the return
// address is on top of the stack (x86-64) or in a register (aarch64). Where a part begins whose entry says that the
// frame is larger, no function begins: only one that is already running can go on there. A tail call never leads to it.
//
// The file is hostile input, and stays open as long as the table is used.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "collector/object_file.hpp"

struct Elf;
struct Dwarf_CFI_s;

namespace neuroperf::collector {

class UnwindTable {
public:
	struct Range {
		uint64_t start = 0, end = 0; // addresses
	};

	explicit UnwindTable(const ObjectFile &file);
	~UnwindTable();
	UnwindTable(const UnwindTable &) = delete;
	UnwindTable &operator=(const UnwindTable &) = delete;

	// The part around an address, if it is one that only a running function goes on in; up to the next entry.
	// Nothing where the table does not say so, or is of a form that linkers do not write.
	std::optional<Range> continued_part(uint64_t address) const;

private:
	void read_starts(const ObjectFile &file);
	bool frame_is_built_at(uint64_t address) const;

	uint16_t machine_;
	std::vector<uint64_t> starts_; // of entries, ordered
	Elf *elf_ = nullptr;
	Dwarf_CFI_s *frames_ = nullptr;
};

} // namespace neuroperf::collector
