// SPDX-License-Identifier: Apache-2.0
// Where each frame of a flame graph lies: its depth and its range of samples. Shared by folded stacks and the SVG.
//
// Nodes that do not stand in preorder (report.hpp) are left out with everything below them, and a frame never reaches
// beyond its parent, whatever the totals say.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/report.hpp"

namespace neuroperf::viewer {

struct FlameBox {
	uint32_t node = 0;   // index in Flame::nodes
	uint32_t parent = 0; // index in the result
	uint32_t depth = 0;  // 0: the root
	uint64_t start = 0;  // samples left of it
	uint64_t total = 0;
};

// In preorder, the root first. Empty for an empty flame.
std::vector<FlameBox> lay_out_flame(const analyzer::Flame &flame);

} // namespace neuroperf::viewer
