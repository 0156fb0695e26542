// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/flame_svg.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "viewer/render/display_text.hpp"
#include "viewer/render/flame_layout.hpp"
#include "viewer/render/flame_svg_parts.hpp"
#include "viewer/render/format_value.hpp"

namespace neuroperf::viewer {

using namespace analyzer;

namespace {

constexpr double kWidth = 1200, kMargin = 12, kPlotWidth = kWidth - 2 * kMargin;
constexpr double kPlotTop = 96, kRowHeight = 19, kRectHeight = 18;
constexpr double kCell = 7.25; // of a monospaced font of 12 px, with some air
constexpr double kLeastPixels = 0.1;
constexpr std::size_t kMostNameColumns = 400;

// Text content and attribute values. printable() took out what XML cannot hold.
std::string xml(std::string_view text)
{
	std::string out;
	for (char c : text) {
		switch (c) {
		case '&':
			out += "&amp;";
			break;
		case '<':
			out += "&lt;";
			break;
		case '>':
			out += "&gt;";
			break;
		case '"':
			out += "&quot;";
			break;
		case '\'':
			out += "&#39;";
			break;
		default:
			out += c;
		}
	}
	return out;
}

std::string shown_name(const Flame &flame, const FlameNode &node)
{
	const std::string &raw = flame.name(node);
	std::string name = raw.empty() ? "[unknown]" : printable(raw);
	if (node.kind == FrameKind::kernel)
		name += " [k]";
	return shorten_middle(name, kMostNameColumns);
}

// One of four shades, the same for the same name.
unsigned shade_of(std::string_view name)
{
	uint32_t hash = 2166136261u; // FNV-1a
	for (char c : name)
		hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
	return (hash >> 13) & 3;
}

// Which boxes are drawn. A child is never wider than its parent, so a drawn box has a drawn parent.
struct Selection {
	std::vector<char> drawn;
	std::size_t count = 0;
	std::size_t narrow = 0, deep = 0, surplus = 0; // not drawn, and why
	uint32_t depth = 0;                            // of the deepest drawn
};

Selection select(const std::vector<FlameBox> &boxes)
{
	Selection out;
	out.drawn.assign(boxes.size(), 0);
	const double per_sample = boxes.empty() || boxes[0].total == 0 ? 0 : kPlotWidth / double(boxes[0].total);
	std::vector<uint32_t> wanted;
	for (uint32_t i = 0; i < boxes.size(); i++) {
		if (i > 0 && double(boxes[i].total) * per_sample < kLeastPixels)
			out.narrow++;
		else if (boxes[i].depth >= kMostFlameLevels)
			out.deep++;
		else
			wanted.push_back(i);
	}
	if (wanted.size() > kMostFlameFrames) {
		// Widest first; of equals the earlier, which is the parent.
		std::stable_sort(wanted.begin(), wanted.end(),
				 [&](uint32_t a, uint32_t b) { return boxes[a].total > boxes[b].total; });
		out.surplus = wanted.size() - kMostFlameFrames;
		wanted.resize(kMostFlameFrames);
	}
	out.count = wanted.size();
	for (uint32_t i : wanted) {
		out.drawn[i] = 1;
		out.depth = std::max(out.depth, boxes[i].depth);
	}
	return out;
}

class FlamePicture {
public:
	explicit FlamePicture(const Flame &flame) : flame_(flame), boxes_(lay_out_flame(flame)), chosen_(select(boxes_))
	{
	}

	std::string render()
	{
		const double rows = (chosen_.depth + 1) * kRowHeight;
		height_ = kPlotTop + rows + 34;
		write_head();
		if (boxes_.empty() || boxes_[0].total == 0)
			out_ += text(kMargin, kPlotTop + 16, "note", "The recording holds no samples.");
		else
			write_frames();
		write_foot();
		out_ += fmt::format("<script><![CDATA[{}]]></script>\n</svg>\n", kFlameScript);
		return std::move(out_);
	}

private:
	static std::string text(double x, double y, std::string_view css, std::string_view content,
				std::string_view more = "")
	{
		return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\"{}>{}</text>\n", x, y, css, more,
				   xml(content));
	}

	void write_head()
	{
		const std::string program = flame_.nodes.empty() ? "flame graph" : shown_name(flame_, flame_.nodes[0]);
		const std::string metric = printable(flame_.metric);
		out_ += fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
				    "viewBox=\"0 0 {0} {1}\">\n<title>{2}</title>\n<style><![CDATA[{3}]]></style>\n"
				    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
				    kWidth, height_, xml("neuroperf: " + program), kFlameStyle);
		out_ += text(kMargin, 26, "head", shorten_middle(program, 70));
		const uint64_t samples = boxes_.empty() ? 0 : boxes_[0].total;
		out_ += text(kMargin, 46, "note",
			     fmt::format("{} {}; the wider a frame, the more of them it holds", format_count(samples),
					 metric));
		write_legend();
		out_ += fmt::format("<foreignObject x=\"948\" y=\"54\" width=\"240\" height=\"28\">"
				    "<input xmlns=\"http://www.w3.org/1999/xhtml\" type=\"search\" "
				    "placeholder=\"search ( / )\" aria-label=\"search frames\"/></foreignObject>\n");
		out_ += text(936, 72, "note", "", " id=\"found\" text-anchor=\"end\"");
		out_ += text(kMargin, 72, "note",
			     "click: zoom in · Escape: zoom out · point at a frame: its name and share",
			     " id=\"detail\"");
	}

	void write_legend()
	{
		constexpr struct {
			const char *css, *words;
			double x;
		} kKeys[] = {{"layer s0", "layer", 800},
			     {"function s0", "function", 876},
			     {"kernel s0", "kernel [k]", 968},
			     {"thread", "program, thread", 1062}};
		for (const auto &key : kKeys)
			out_ += fmt::format("<g class=\"key {}\"><rect x=\"{}\" y=\"15\" width=\"14\" height=\"14\" "
					    "rx=\"2\"/></g><text x=\"{}\" y=\"26\" class=\"note\">{}</text>\n",
					    key.css, key.x, key.x + 19, key.words);
	}

	void write_frames()
	{
		out_ += fmt::format("<g id=\"plot\" data-left=\"{}\" data-width=\"{}\" data-cell=\"{}\">\n", kMargin,
				    kPlotWidth, kCell);
		for (std::size_t i = 0; i < boxes_.size(); i++)
			if (chosen_.drawn[i])
				write_frame(boxes_[i]);
		out_ += "</g>\n";
	}

	void write_frame(const FlameBox &box)
	{
		const FlameNode &node = flame_.nodes[box.node];
		const double scale = kPlotWidth / double(boxes_[0].total);
		const double x = double(box.start) * scale, width = double(box.total) * scale;
		const double y = kPlotTop + box.depth * kRowHeight;
		const std::string name = shown_name(flame_, node);
		const std::string metric = printable(flame_.metric);
		const double share = double(box.total) / double(boxes_[0].total);
		out_ += fmt::format(
			"<g class=\"f {} s{}\" data-x=\"{:.3f}\" data-w=\"{:.3f}\"><title>{}\n{}, {} {}, {}, {} of "
			"its own</title>",
			to_string(node.kind), shade_of(flame_.name(node)), x, width, xml(name), to_string(node.kind),
			format_count(box.total), xml(metric), format_share(share), format_count(node.self));
		out_ += fmt::format("<rect x=\"{:.2f}\" y=\"{:.0f}\" width=\"{:.2f}\" height=\"{:.0f}\" rx=\"1.5\"/>",
				    kMargin + x, y, width > 3 ? width - 0.8 : width, kRectHeight);
		const auto room = static_cast<std::size_t>(std::max(0.0, (width - 8) / kCell));
		const std::string label = room >= 3 ? shorten_middle(name, room) : "";
		if (!label.empty())
			out_ += fmt::format("<text x=\"{:.2f}\" y=\"{:.0f}\">{}</text>", kMargin + x + 4, y + 13,
					    xml(label));
		out_ += "</g>\n";
	}

	void write_foot()
	{
		const std::size_t hidden = chosen_.narrow + chosen_.deep + chosen_.surplus;
		std::string line = fmt::format("{} frames drawn.", format_count(chosen_.count));
		if (hidden)
			line = fmt::format("{} of {} frames drawn; not drawn: {}.", format_count(chosen_.count),
					   format_count(boxes_.size()), fmt::join(hidden_words(), ", "));
		out_ += text(kMargin, height_ - 12, "note", line);
	}

	std::vector<std::string> hidden_words() const
	{
		std::vector<std::string> words;
		if (chosen_.narrow)
			words.push_back(
				fmt::format("{} narrower than {} pixels", format_count(chosen_.narrow), kLeastPixels));
		if (chosen_.deep)
			words.push_back(
				fmt::format("{} deeper than {} levels", format_count(chosen_.deep), kMostFlameLevels));
		if (chosen_.surplus)
			words.push_back(fmt::format("the {} narrowest beyond {}", format_count(chosen_.surplus),
						    format_count(kMostFlameFrames)));
		return words;
	}

	const Flame &flame_;
	const std::vector<FlameBox> boxes_;
	const Selection chosen_;
	double height_ = 0;
	std::string out_;
};

} // namespace

std::string render_flame_svg(const Report &report)
{
	return FlamePicture(report.flame).render();
}

} // namespace neuroperf::viewer
