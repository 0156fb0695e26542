// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/terminal.hpp"

#include <cmath>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report_samples.hpp"
#include "viewer/render/display_text.hpp"
#include "viewer/render/format_value.hpp"

namespace neuroperf::test {
namespace {

using namespace viewer;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string &text)
{
	std::vector<std::string> lines;
	std::istringstream stream(text);
	for (std::string line; std::getline(stream, line);)
		lines.push_back(line);
	return lines;
}

std::string value(const Cell &cell, const char *unit, bool unicode = false)
{
	return format_cell(cell, metric("x", unit), unicode);
}

TEST(FormatValue, Units)
{
	EXPECT_EQ(value(uint64_t{1230000}, "ns"), "1.23 ms");
	EXPECT_EQ(value(uint64_t{999}, "ns"), "999 ns");
	EXPECT_EQ(value(uint64_t{999999}, "ns"), "1.00 ms");
	EXPECT_EQ(value(1500.0, "ns", true), "1.50 µs");
	EXPECT_EQ(value(uint64_t{4213000000000}, "ns"), "4,213 s");
	EXPECT_EQ(value(uint64_t{1234567}, "count"), "1,234,567");
	EXPECT_EQ(value(UINT64_MAX, "count"), "18,446,744,073,709,551,615");
	EXPECT_EQ(value(0.1234, "share"), "12.3 %");
	EXPECT_EQ(value(1234.5, "1/s"), "1.23 k/s");
	EXPECT_EQ(value(uint64_t{1536}, "bytes"), "1.50 KiB");
	EXPECT_EQ(value(uint64_t{4321}, ""), "4321"); // an identifier
	EXPECT_EQ(value(Cell(), "ns"), "n/a");
	EXPECT_EQ(value(std::nan(""), "ns"), "n/a");
	EXPECT_EQ(value(EnergyEstimate{1.23e6, 2e5, 4e6, {}}, "pJ"), "1.23 uJ (0.20..4.00)");
	EXPECT_EQ(value(uint64_t{0}, "ns"), "0 ns");
}

TEST(DisplayText, WritesOutWhatActsInsteadOfBeingSeen)
{
	EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
	EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
	EXPECT_EQ(printable("\xc2\x9b"), "\\x9b");
	EXPECT_EQ(printable("\xff"), "\\xff");
	EXPECT_EQ(printable("a\u202eb\u2066\u200b"), "a\\u202eb\\u2066\\u200b");
	EXPECT_EQ(printable("名é"), "名é");
	EXPECT_EQ(printable("名é", false), "\\u540d\\xe9");
}

TEST(DisplayText, KnowsWidths)
{
	EXPECT_EQ(display_width("abc"), 3u);
	EXPECT_EQ(display_width("名前"), 4u);
	EXPECT_EQ(display_width("e\u0301"), 1u);
	EXPECT_EQ(display_width("😀"), 2u);
}

TEST(DisplayText, ShortensInTheMiddle)
{
	EXPECT_EQ(shorten_middle("abcdefghij", 7), "abc…hij");
	EXPECT_EQ(shorten_middle("abcdefghij", 7, false), "abc..ij");
	EXPECT_EQ(shorten_middle("abc", 3), "abc");
	for (std::size_t width = 0; width < 14; width++) {
		EXPECT_LE(display_width(shorten_middle("名前::スパイク", width)), width);
		EXPECT_LE(display_width(shorten_middle("名前::スパイク", width, false)), width);
	}
}

TEST(DisplayText, WrapsAtSpaces)
{
	EXPECT_THAT(wrap("one two three", 7), testing::ElementsAre("one two", "three"));
	EXPECT_THAT(wrap("abcdefgh", 3), testing::ElementsAre("abc", "def", "gh"));
	EXPECT_THAT(wrap("one two", 0), testing::ElementsAre("one two"));
	EXPECT_THAT(wrap("名前", 1), testing::ElementsAre("名", "前")); // wider than the line, and still it ends
	EXPECT_THAT(wrap("", 5), testing::ElementsAre(""));
}

TEST(Terminal, NoLineIsWiderThanTheTerminal)
{
	Report report = hostile_report();
	for (unsigned width : {24u, 40u, 80u, 120u, 200u})
		for (bool unicode : {true, false})
			for (const std::string &line : lines_of(render_terminal(report, {width, false, unicode, 0})))
				ASSERT_LE(display_width(line), width) << line;
	for (unsigned width = 24; width < 160; width++)
		for (const std::string &line : lines_of(render_terminal(sample_report(), {width, false, true, 0})))
			ASSERT_LE(display_width(line), width) << line;
	for (unsigned width = 1; width < 24; width++)
		EXPECT_FALSE(render_terminal(report, {width, false, true, 0}).empty());
}

TEST(Terminal, NothingFromOutsideReachesTheTerminalRaw)
{
	for (unsigned width : {0u, 80u}) {
		const std::string text = render_terminal(hostile_report(), {width, false, true, 0});
		for (const std::string &line : lines_of(text))
			for (char c : line)
				ASSERT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << line;
		EXPECT_THAT(text, HasSubstr("\\x1b[31mred"));
		EXPECT_THAT(text, Not(HasSubstr("\u202e")));
		EXPECT_THAT(text, Not(HasSubstr("\xc2\x9b")));
		EXPECT_THAT(text, Not(HasSubstr("\xff")));
	}
}

TEST(Terminal, AsciiOnlyWhereTheLocaleIsNotUtf8)
{
	for (char c : render_terminal(hostile_report(), {80, false, false, 0}))
		ASSERT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST(Terminal, APipeGetsWholeNames)
{
	const std::string text = render_terminal(hostile_report(), {0, false, true, 0});
	EXPECT_THAT(text, HasSubstr(std::string(4096, 'x')));
	EXPECT_THAT(text, Not(HasSubstr("not shown")));
}

TEST(Terminal, QualityComesFirstAndWorstFirst)
{
	Report report = sample_report();
	report.quality.push_back({Severity::data_loss, "lost", "5 events were lost.", "Use a larger buffer.", Cell()});
	const std::string text = render_terminal(report, {80, false, true, 20});
	EXPECT_EQ(text.find("Quality"), 0u);
	const std::size_t loss = text.find("data loss  5 events were lost."), warning = text.find("warning    A share"),
			  notice = text.find("notice     Samples"), recording = text.find("Recording");
	EXPECT_LT(loss, warning);
	EXPECT_LT(warning, notice);
	EXPECT_LT(notice, recording);
	EXPECT_LT(recording, text.find("Layers"));
	EXPECT_THAT(text, HasSubstr("→ Use a larger buffer."));
}

TEST(Terminal, SaysWhereNumbersComeFromAndWhatIsNotShown)
{
	const std::string narrow = render_terminal(sample_report(), {80, false, true, 20});
	EXPECT_THAT(narrow, HasSubstr("energy (modelled)"));
	EXPECT_THAT(narrow, HasSubstr("modelled: energy"));
	EXPECT_THAT(narrow, HasSubstr("not shown at this width: "));
	EXPECT_THAT(narrow, HasSubstr("10.0 nJ\n"));
	EXPECT_THAT(narrow, HasSubstr("range of energy"));
	const std::string wide = render_terminal(sample_report(), {200, false, true, 20});
	EXPECT_THAT(wide, HasSubstr("10.0 nJ (2.50..20.0)"));
	EXPECT_THAT(wide, Not(HasSubstr("not shown")));
	EXPECT_THAT(wide, HasSubstr("n/a")); // macs
}

TEST(Terminal, NumbersAreRightAligned)
{
	const std::string text = render_terminal(sample_report(), {0, false, false, 20});
	EXPECT_THAT(text, HasSubstr("\nconv1  lif     100  200 us   180 us"));
	EXPECT_THAT(text, HasSubstr("\nlif1   lif     100  100 us  90.0 us"));
}

TEST(Terminal, SumsWhatIsBeyondTheTop)
{
	Report report = sample_report();
	for (int i = 0; i < 4998; i++)
		report.tables[0].rows.push_back(layer("pop" + std::to_string(i), 10));
	const std::string text = render_terminal(report, {80, false, true, 20});
	EXPECT_THAT(text, HasSubstr("others (4980)"));
	EXPECT_LT(lines_of(text).size(), 60u);
	EXPECT_GT(lines_of(render_terminal(report, {80, false, true, 0})).size(), 5000u);
}

TEST(Terminal, ColourOnlyWhenAsked)
{
	EXPECT_THAT(render_terminal(sample_report(), {80, false, true, 20}), Not(HasSubstr("\x1b")));
	EXPECT_THAT(render_terminal(sample_report(), {80, true, true, 20}), HasSubstr("\x1b[33mwarning\x1b[0m"));
}

TEST(Terminal, EmptyReportsAndEmptyColumns)
{
	EXPECT_EQ(render_terminal(Report{}, {80, false, true, 20}),
		  "The report is empty: the recording holds no data.\n");
	EXPECT_THAT(render_terminal(sample_report(), {80, false, true, 20}), HasSubstr("Threads\nnone\n"));
	Report report;
	report.tables.push_back({"layers", "Layers", layer_columns(), {std::vector<Cell>(14), {}}});
	EXPECT_THAT(render_terminal(report, {200, false, true, 20}), HasSubstr("n/a"));
	report.tables.push_back({"none", "Nothing", {}, {{}, {}}});
	EXPECT_THAT(render_terminal(report, {0, false, true, 1}), HasSubstr("Nothing"));
}

TerminalFacts a_terminal()
{
	TerminalFacts facts;
	facts.is_terminal = true;
	facts.columns = 132;
	facts.term = "xterm";
	facts.codeset = "UTF-8";
	return facts;
}

TEST(TerminalOptions, ColourRules)
{
	TerminalFacts facts = a_terminal();
	EXPECT_TRUE(choose_options(facts, ColourChoice::automatic).colour);
	EXPECT_FALSE(choose_options(facts, ColourChoice::never).colour);
	facts.term = "dumb";
	EXPECT_FALSE(choose_options(facts, ColourChoice::automatic).colour);
	facts.clicolor_force = "0";
	EXPECT_FALSE(choose_options(facts, ColourChoice::automatic).colour);
	facts.clicolor_force = "1";
	EXPECT_TRUE(choose_options(facts, ColourChoice::automatic).colour);
	facts.is_terminal = false;
	EXPECT_TRUE(choose_options(facts, ColourChoice::automatic).colour);
	facts.no_color = "1";
	EXPECT_FALSE(choose_options(facts, ColourChoice::automatic).colour);
	EXPECT_TRUE(choose_options(facts, ColourChoice::always).colour);
}

TEST(TerminalOptions, WidthRules)
{
	TerminalFacts facts = a_terminal();
	facts.columns_variable = "100";
	EXPECT_EQ(choose_options(facts, ColourChoice::automatic).width, 132u);
	facts.columns = 0; // a fresh pty
	EXPECT_EQ(choose_options(facts, ColourChoice::automatic).width, 100u);
	for (const char *nonsense : {"", "0", "-5", "80x", "99999999999999999999"}) {
		facts.columns_variable = nonsense;
		EXPECT_EQ(choose_options(facts, ColourChoice::automatic).width, 80u) << nonsense;
	}
	facts.is_terminal = false;
	facts.columns = 132;
	EXPECT_EQ(choose_options(facts, ColourChoice::automatic).width, 0u);
}

TEST(TerminalOptions, CharacterRules)
{
	TerminalFacts facts = a_terminal();
	EXPECT_TRUE(choose_options(facts, ColourChoice::automatic).unicode);
	facts.codeset = "ANSI_X3.4-1968";
	EXPECT_FALSE(choose_options(facts, ColourChoice::automatic).unicode);
	facts.codeset = "";
	EXPECT_FALSE(choose_options(facts, ColourChoice::automatic).unicode);
}

TEST(TerminalOptions, APipeIsNoTerminal)
{
	EXPECT_EQ(detect_terminal(-1, ColourChoice::never).width, 0u);
}

} // namespace
} // namespace neuroperf::test
