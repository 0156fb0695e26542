// SPDX-License-Identifier: Apache-2.0
// Runs the instructions of call frame information up to one address, and reads the addresses in them.
#pragma once

#include <cstdint>
#include <string_view>

#include "recording/bytes.hpp"
#include "recording/call_frame_table.hpp"

namespace neuroperf::recording {

// An address as DW_EH_PE_* encodes it, absolute or relative to its own place. `place` is the address of the cursor's
// next byte. False for an encoding that call frame information does not use.
bool read_encoded(Cursor *in, uint8_t encoding, uint64_t place, uint64_t *value);

struct CallFrameProgram {
	std::string_view instructions;
	uint64_t place = 0; // address of the first one
	uint64_t begin = 0; // first address that they are about
};

// Row of `address`: that of the common instructions changed by the function's own. False if any is damaged.
bool run_call_frame_program(const CallFrameTable::Common &common, const CallFrameProgram &own, UnwindMachine machine,
			    uint64_t address, CallFrameRow *row);

} // namespace neuroperf::recording
