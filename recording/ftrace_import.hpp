// SPDX-License-Identifier: Apache-2.0
// Makes a recording of ftrace's text. Events that a description of a driver knows how the kernel prints get their
// fields back; of others the text is kept, as events of the group "ftrace".
//
// The text is read twice, line by line: an event's fields are numbers where all its lines have numbers there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "recording/driver_description.hpp"
#include "recording/result.hpp"

namespace neuroperf::recording {

struct FtraceImport {
	std::string input;  // a file; "-": standard input
	std::string output; // an older file of this name is kept as NAME.old
	std::vector<DriverDescription> drivers;
	std::function<void(uint64_t done, uint64_t all)> progress; // bytes of the text; may be empty
};

struct FtraceCounts {
	uint64_t lines = 0;  // with an event
	uint64_t others = 0; // without: neither empty nor a comment
	uint64_t known = 0;  // events with fields
	uint64_t out_of_order = 0;
	uint64_t lost = 0; // events that the kernel says it lost
};

// Errors: io; format, there is no event in the text, or more kinds of events than a recording can have.
Result<FtraceCounts> import_ftrace(const FtraceImport &import);

} // namespace neuroperf::recording
