// SPDX-License-Identifier: Apache-2.0
// The stack of a sample as addresses: what the kernel walked, and what is unwound from a copy of the user stack.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/threads.hpp"
#include "recording/reader.hpp"

namespace neuroperf::analyzer {

struct Frame {
	uint64_t address = 0;
	Side side = Side::user;
	bool is_return = false; // a return address: the call stands just before it
	bool operator==(const Frame &) const = default;
};

// Whose code a sample's own ip is.
Side side_of(const recording::Sample &sample);

// Appends the frames of the kernel's call chain, innermost first. Frames beyond the most that a kernel records are cut.
void append_call_chain(const recording::Sample &sample, std::vector<Frame> *frames);

} // namespace neuroperf::analyzer
