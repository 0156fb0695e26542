// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/folded.hpp"

#include <algorithm>

#include "viewer/render/display_text.hpp"
#include "viewer/render/flame_layout.hpp"

namespace neuroperf::viewer {

namespace {

std::string frame_name(const std::string &raw, const analyzer::FlameNode &node)
{
	std::string name = raw.empty() ? "[unknown]" : printable(raw);
	std::replace(name.begin(), name.end(), ';', ':');
	if (node.kind == analyzer::FrameKind::kernel)
		name += "_[k]";
	return name;
}

} // namespace

std::string render_folded(const analyzer::Flame &flame)
{
	std::string out, path;
	std::vector<std::size_t> ends; // length of `path` up to and with each depth
	for (const FlameBox &box : lay_out_flame(flame)) {
		const analyzer::FlameNode &node = flame.nodes[box.node];
		ends.resize(box.depth);
		path.resize(box.depth ? ends.back() : 0);
		if (box.depth)
			path += ';';
		path += frame_name(flame.name(node), node);
		ends.push_back(path.size());
		if (node.self > 0)
			out += path + " " + std::to_string(node.self) + "\n";
	}
	return out;
}

} // namespace neuroperf::viewer
