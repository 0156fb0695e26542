// SPDX-License-Identifier: Apache-2.0
// The header of a perf.data stream (pipe mode): events and features come as records, before the first sample.
#pragma once

#include <linux/perf_event.h>

#include <map>
#include <string>
#include <vector>

#include "recording/record_stream.hpp"

namespace neuroperf::recording {

struct StreamHeader {
	struct Event {
		perf_event_attr attr = {};
		std::vector<uint64_t> ids;
		std::string name; // empty: not told
	};
	std::vector<Event> events;
	std::map<unsigned, std::string> features; // contents, as in the sections of a file
};

// Reads up to the first sample. What is damaged is left out.
StreamHeader read_stream_header(int fd, uint64_t begin, uint64_t end);

// The attr in front of `bytes`, as long as the running perf knows it; false if it is none. Attrs say their own size.
bool parse_attr(std::string_view bytes, perf_event_attr *attr);

} // namespace neuroperf::recording
