// SPDX-License-Identifier: Apache-2.0
#include "analyzer/call_chain.hpp"

#include <algorithm>

#include "recording/bytes.hpp"

namespace neuroperf::analyzer {
namespace {

// No kernel records more (kernel.perf_event_max_stack is 127 by default).
constexpr uint64_t kMaxFrames = 1024;

Side side_of_marker(uint64_t marker)
{
	switch (marker) {
	case PERF_CONTEXT_KERNEL:
		return Side::kernel;
	case PERF_CONTEXT_USER:
		return Side::user;
	default:
		return Side::other;
	}
}

} // namespace

Side side_of(const recording::Sample &sample)
{
	switch (sample.misc & PERF_RECORD_MISC_CPUMODE_MASK) {
	case PERF_RECORD_MISC_KERNEL:
		return Side::kernel;
	case PERF_RECORD_MISC_USER:
		return Side::user;
	default:
		return Side::other;
	}
}

void append_call_chain(const recording::Sample &sample, std::vector<Frame> *frames)
{
	Side side = side_of(sample);
	bool is_return = false; // the first address of each side is where it was interrupted
	for (uint64_t i = 0; i < std::min(sample.callchain_length, kMaxFrames); i++) {
		const auto address = recording::load<uint64_t>(sample.callchain + i * 8);
		if (address >= PERF_CONTEXT_MAX) { // a marker: which side the following addresses are on
			side = side_of_marker(address);
			is_return = false;
		} else {
			frames->push_back({address, side, is_return});
			is_return = true;
		}
	}
}

} // namespace neuroperf::analyzer
