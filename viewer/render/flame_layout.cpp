// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/flame_layout.hpp"

#include <algorithm>

namespace neuroperf::viewer {

std::vector<FlameBox> lay_out_flame(const analyzer::Flame &flame)
{
	struct Open {
		uint32_t box;
		uint64_t next; // where its next child starts
	};
	std::vector<FlameBox> boxes;
	std::vector<Open> path; // from the root to the last box
	for (uint32_t i = 0; i < flame.nodes.size(); i++) {
		const analyzer::FlameNode &node = flame.nodes[i];
		if (i == 0) {
			boxes.push_back({0, 0, 0, 0, node.total});
			path.push_back({0, 0});
			continue;
		}
		if (node.parent >= i)
			continue;
		// The parent is on the path, or the node (or an ancestor that was left out) is out of order.
		auto up = std::find_if(path.rbegin(), path.rend(),
				       [&](const Open &open) { return boxes[open.box].node == node.parent; });
		if (up == path.rend())
			continue;
		path.erase(up.base(), path.end());
		Open &parent = path.back();
		const FlameBox &around = boxes[parent.box];
		const uint64_t room = around.start + around.total - parent.next;
		const uint64_t total = std::min(node.total, room);
		const FlameBox box{i, parent.box, around.depth + 1, parent.next, total};
		parent.next += total;
		path.push_back({static_cast<uint32_t>(boxes.size()), box.start});
		boxes.push_back(box);
	}
	return boxes;
}

} // namespace neuroperf::viewer
