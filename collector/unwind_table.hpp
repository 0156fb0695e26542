// SPDX-License-Identifier: Apache-2.0
// Parts of functions that compilers put away from the rest (.text.unlikely, "foo.cold"), as the table for unwinding
// (.eh_frame) shows them.
//
// Each part has an entry of its own there. Where a function begins, the frame is as its caller left it: the return
// address is on top of the stack (x86-64) or in a register (aarch64). Where a part begins whose entry says that the
// frame is larger, no function begins: only one that is already running can go on there. A tail call never leads to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "collector/object_file.hpp"
#include "recording/call_frame_table.hpp"

namespace neuroperf::collector {

class UnwindTable {
public:
	// Reads the table; of a file without sections, or of another machine, it is empty.
	explicit UnwindTable(const ObjectFile &file);
	UnwindTable(const UnwindTable &) = delete;
	UnwindTable &operator=(const UnwindTable &) = delete;

	// The part around an address, [begin, end), if it is one that only a running function goes on in.
	std::optional<recording::CallFrameTable::Code> continued_part(uint64_t address) const;

private:
	recording::UnwindMachine machine_;
	std::string bytes_;
	std::optional<recording::CallFrameTable> table_; // of them
};

} // namespace neuroperf::collector
