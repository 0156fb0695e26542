// SPDX-License-Identifier: Apache-2.0
// What the user asked of `neuroperf record`.
#pragma once

#include <string>
#include <vector>

namespace neuroperf::collector {

struct RecordOptions {
	std::vector<std::string> command; // program and arguments, never empty
	std::string output = "neuroperf.data";
	unsigned frequency_hz = 999; // samples per second and CPU
	bool callgraph = false;      // frame-pointer call chains with each sample
	bool follow = false;         // go on until the last child has ended, not only the program itself
	bool as_root = false;        // under sudo: do not give the program back to the invoking user
};

} // namespace neuroperf::collector
