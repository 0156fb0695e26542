// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "analyzer/utf8.hpp"
#include "report_samples.hpp"
#include "viewer/render/flame_layout.hpp"
#include "viewer/render/flame_svg.hpp"
#include "viewer/render/folded.hpp"

namespace neuroperf::test {
namespace {

using namespace viewer;
using testing::HasSubstr;
using testing::Not;

Flame small_flame()
{
	Flame flame;
	flame.add(0, FrameKind::root, "net", 1, 100);
	flame.add(0, FrameKind::layer, "conv1", 10, 70);
	flame.add(1, FrameKind::function, "gemm", 40, 60);
	flame.add(2, FrameKind::kernel, "page_fault", 20, 20);
	flame.add(0, FrameKind::function, "main", 29, 29);
	return flame;
}

std::size_t count_of(const std::string &text, const std::string &what)
{
	std::size_t count = 0;
	for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size()))
		count++;
	return count;
}

Report with(Flame flame)
{
	Report report;
	report.flame = std::move(flame);
	return report;
}

TEST(Folded, OneLineForEachNodeWithSamplesOfItsOwn)
{
	EXPECT_EQ(render_folded(small_flame()), "net 1\n"
						"net;conv1 10\n"
						"net;conv1;gemm 40\n"
						"net;conv1;gemm;page_fault_[k] 20\n"
						"net;main 29\n");
	EXPECT_EQ(render_folded(Flame{}), "");
}

TEST(Folded, NamesCannotBreakTheFormat)
{
	const std::string text = render_folded(hostile_report().flame);
	std::istringstream stream(text);
	std::size_t lines = 0;
	for (std::string line; std::getline(stream, line); lines++) {
		EXPECT_TRUE(std::regex_match(line.substr(line.rfind(' ')), std::regex(" [46]0"))) << line;
		EXPECT_EQ(count_of(line, ";"), line.ends_with(" 60") ? 2u : 1u) << line;
		for (char c : line)
			EXPECT_GE(static_cast<unsigned char>(c), 0x20u);
	}
	EXPECT_EQ(lines, 2 * hostile_names().size());
	EXPECT_THAT(text, HasSubstr("net;a:b 40\n"));
	EXPECT_EQ(to_valid_utf8(text), text);
}

TEST(FlameLayout, PlacesChildrenSideBySide)
{
	const std::vector<FlameBox> boxes = lay_out_flame(small_flame());
	ASSERT_EQ(boxes.size(), 5u);
	EXPECT_EQ(boxes[3].depth, 3u);
	EXPECT_EQ(boxes[3].start, 0u);
	EXPECT_EQ(boxes[4].start, 70u);
	EXPECT_EQ(boxes[4].depth, 1u);
}

TEST(FlameLayout, DamagedTreesStayInBounds)
{
	Flame flame = small_flame();
	flame.nodes[2].total = UINT64_MAX;                     // more than its parent
	flame.add(2, FrameKind::function, "late", 5, 5);       // its parent is closed
	flame.add(99, FrameKind::function, "ahead", 5, 5);     // no such parent
	flame.add(7, FrameKind::function, "itself", 5, 5);     // its own parent
	flame.add(6, FrameKind::function, "below late", 5, 5); // of a node that was left out
	const std::vector<FlameBox> boxes = lay_out_flame(flame);
	ASSERT_EQ(boxes.size(), 5u);
	for (const FlameBox &box : boxes)
		EXPECT_LE(box.start + box.total, 100u);
	EXPECT_THAT(render_folded(flame), Not(HasSubstr("late")));
}

// Runs xmllint over the text; skips where it is not installed.
void expect_xml(const std::string &text)
{
	if (std::system("command -v xmllint >/dev/null 2>&1") != 0)
		GTEST_SKIP() << "xmllint is not installed";
	const auto path = std::filesystem::temp_directory_path() / ("flame-" + std::to_string(getpid()) + ".svg");
	std::ofstream(path) << text;
	EXPECT_EQ(std::system(("xmllint --noout --nonet " + path.string()).c_str()), 0);
	std::filesystem::remove(path);
}

TEST(FlameSvg, IsXml)
{
	expect_xml(render_flame_svg(with(small_flame())));
}
TEST(FlameSvg, IsXmlWithHostileNames)
{
	expect_xml(render_flame_svg(hostile_report()));
}
TEST(FlameSvg, IsXmlWithoutSamples)
{
	expect_xml(render_flame_svg(Report{}));
}

TEST(FlameSvg, NamesAreTextOnly)
{
	const std::string svg = render_flame_svg(hostile_report());
	EXPECT_EQ(count_of(svg, "</script>"), 1u);
	EXPECT_EQ(count_of(svg, "]]>"), 2u); // style and script
	EXPECT_THAT(svg, Not(HasSubstr("<img")));
	EXPECT_THAT(svg, HasSubstr("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
	EXPECT_THAT(svg, HasSubstr("\\x1b[31mred\\x0d\\x0a"));
	EXPECT_THAT(svg, HasSubstr("\\ufffe"));
	EXPECT_EQ(to_valid_utf8(svg), svg);
	for (char c : svg)
		ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
	EXPECT_THAT(svg, Not(HasSubstr(std::string(401, 'x')))); // a name of 4 KB is shortened
}

TEST(FlameSvg, LoadsNothing)
{
	const std::string svg = render_flame_svg(with(small_flame()));
	EXPECT_THAT(svg, Not(HasSubstr("href")));
	EXPECT_THAT(svg, Not(HasSubstr("src=")));
	EXPECT_THAT(svg, Not(HasSubstr("url(")));
	EXPECT_THAT(svg, Not(HasSubstr("import")));
	EXPECT_EQ(count_of(svg, "http"), count_of(svg, "http://www.w3.org/")); // namespaces
}

TEST(FlameSvg, TellsLayersFunctionsAndKernelApart)
{
	const std::string svg = render_flame_svg(with(small_flame()));
	EXPECT_EQ(count_of(svg, "class=\"f layer"), 1u);
	EXPECT_EQ(count_of(svg, "class=\"f function"), 2u);
	EXPECT_THAT(svg, HasSubstr("page_fault [k]\nkernel, 20 samples, 20.0 %, 20 of its own"));
	EXPECT_THAT(svg, HasSubstr("kernel [k]</text>"));
	EXPECT_THAT(svg, HasSubstr("5 frames drawn."));
}

TEST(FlameSvg, TextFitsItsRectangle)
{
	const std::string svg = render_flame_svg(hostile_report());
	const std::regex frame("width=\"([0-9.]+)\" height=\"18\" rx=\"1.5\"/><text[^>]*>([ -~]*)</text>");
	std::size_t seen = 0;
	for (std::sregex_iterator it(svg.begin(), svg.end(), frame), end; it != end; ++it, seen++) {
		const std::string label = std::regex_replace((*it)[2].str(), std::regex("&[a-z0-9#]+;"), "_");
		EXPECT_LE(double(label.size()) * 7.25, std::stod((*it)[1])) << label;
	}
	EXPECT_GT(seen, 3u);
}

TEST(FlameSvg, SaysWhatItDidNotDraw)
{
	Flame flame;
	flame.add(0, FrameKind::root, "net", 0, 1000000);
	for (int i = 0; i < 500; i++)
		flame.add(0, FrameKind::function, "tiny", 1, 1);
	flame.add(0, FrameKind::function, "wide", 999500, 999500);
	const std::string svg = render_flame_svg(with(flame));
	EXPECT_THAT(svg, HasSubstr("2 of 502 frames drawn; not drawn: 500 narrower than 0.1 pixels."));
	EXPECT_EQ(count_of(svg, "class=\"f "), 2u);
}

TEST(FlameSvg, DeepAndLargeTreesStayBounded)
{
	Flame deep;
	deep.add(0, FrameKind::root, "net", 0, 1000);
	for (uint32_t i = 0; i < 20000; i++)
		deep.add(i, FrameKind::function, std::string(300, 'f'), 0, 1000);
	const std::string deep_svg = render_flame_svg(with(deep));
	EXPECT_THAT(deep_svg, HasSubstr("19,745 deeper than 256 levels"));
	Flame large;
	large.add(0, FrameKind::root, "net", 0, 1000);
	for (uint32_t level = 0; level < 250; level++) {
		const auto above = static_cast<uint32_t>(level == 0 ? 0 : large.nodes.size() - 100);
		large.add(above, FrameKind::layer, "down", 0, 1000 - level);
		for (uint32_t i = 0; i < 99 && level > 0; i++)
			large.add(above, FrameKind::layer, "side", 0, 0);
	}
	EXPECT_LT(render_flame_svg(with(large)).size(), 5000000u);
	Flame wide;
	wide.add(0, FrameKind::root, "net", 0, 10000);
	for (uint32_t path = 0; path < 5000; path++) {
		wide.add(0, FrameKind::layer, "l", 0, 2);
		for (uint32_t i = 0; i < 3; i++) {
			const auto above = static_cast<uint32_t>(wide.nodes.size() - 1);
			wide.add(above, FrameKind::function, std::string(500, 'f'), 0, 2);
		}
	}
	const std::string wide_svg = render_flame_svg(with(wide));
	EXPECT_EQ(count_of(wide_svg, "class=\"f "), kMostFlameFrames);
	EXPECT_THAT(wide_svg,
		    HasSubstr("10,000 of 20,001 frames drawn; not drawn: the 10,001 narrowest beyond 10,000."));
	EXPECT_LT(wide_svg.size(), 8000000u);
}

} // namespace
} // namespace neuroperf::test
