// SPDX-License-Identifier: Apache-2.0
// Counted stacks with names: what the report's tables and the flame graph are made from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

// A function as the report names it.
struct Function {
	std::string symbol; // human form; "[unknown]" when there is no name
	std::string module;
	std::string line; // "file:number", when asked for and known
	bool kernel = false;
	bool named = false;
};

// The tree with names. A parent stands before its children; node 0 is the root.
struct NamedStacks {
	static constexpr uint32_t kNoFunction = UINT32_MAX;
	struct Node {
		uint32_t parent = 0;
		uint32_t label = 0; // index into labels
		uint32_t function = kNoFunction;
		FrameKind kind = FrameKind::root;
		uint64_t self = 0, total = 0;
	};
	std::vector<Node> nodes;
	std::vector<std::string> labels;
	std::vector<Function> functions;
	uint64_t samples = 0;
	uint64_t without_name = 0; // samples whose innermost function has no name
};

} // namespace neuroperf::analyzer
