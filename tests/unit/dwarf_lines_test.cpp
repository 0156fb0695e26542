// SPDX-License-Identifier: Apache-2.0
// Inlined functions and lines of tests/programs/inlined_functions.cpp, in the ways debug information is kept.
#include <cstdlib>
#include <filesystem>
#include <random>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/dwarf_entries.hpp"
#include "analyzer/dwarf_lines.hpp"
#include "analyzer/symbol_table.hpp"
#include "analyzer/symbolizer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using test::TemporaryFolder;
using testing::EndsWith;
using testing::HasSubstr;

const std::string kProgram = NEUROPERF_INLINED_FUNCTIONS;

struct Range {
	uint64_t begin = 0, end = 0; // file offsets
};

Range range_of(const std::string &function)
{
	const Result<SymbolTable> table = SymbolTable::from_elf_file(kProgram);
	const Result<ElfFile> elf = ElfFile::open(kProgram);
	if (table.ok() && elf.ok())
		for (const Symbol &symbol : table->symbols())
			if (symbol.name == function)
				for (const ElfFile::Segment &segment : elf->executable_segments())
					if (symbol.address - segment.address < segment.size) {
						const uint64_t begin =
							symbol.address - segment.address + segment.offset;
						return {begin, begin + symbol.size};
					}
	ADD_FAILURE() << "no function " << function;
	return {};
}

Symbolizer::Options with_everything()
{
	Symbolizer::Options options;
	options.kallsyms = "";
	options.inline_frames = options.lines = true;
	return options;
}

bool run(const std::string &command)
{
	return std::system(command.c_str()) == 0; // NOLINT: a test's own command
}

// Finds the store inside Layer::fire(): the place with the line 105.
void expect_inlined(const Symbolizer::Options &options, const std::string &path,
		    const std::string &outer = "net::step<int>")
{
	Symbolizer symbolizer(options);
	const auto file = symbolizer.add({path, "", 0, false});
	const Range range = range_of("run_layers");
	std::vector<Symbolizer::InlineFrame> frames;
	bool found = false;
	for (uint64_t offset = range.begin; offset < range.end && !found; offset++) {
		symbolizer.inlined(file, offset, &frames);
		found = frames.size() == 2 && symbolizer.line(file, offset).number == 105;
		if (!found)
			continue;
		EXPECT_EQ(symbolizer.name(file, offset).text, "run_layers");
		EXPECT_EQ(frames[0].name, outer);
		EXPECT_EQ(frames[0].line, 110U);
		EXPECT_EQ(frames[1].name, "net::Layer::fire");
		EXPECT_EQ(frames[1].line, 105U);
		EXPECT_THAT(std::string(frames[0].file), EndsWith("inlined_functions.cpp"));
		EXPECT_THAT(std::string(frames[1].file), EndsWith("inlined_functions.cpp"));
		EXPECT_EQ(symbolizer.line_in_function(file, offset).number, 116U);
	}
	EXPECT_TRUE(found) << (symbolizer.problems().empty() ? "" : symbolizer.problems().begin()->second);
	EXPECT_TRUE(symbolizer.problems().empty());
}

TEST(DwarfLines, inlined_functions_outermost_first)
{
	expect_inlined(with_everything(), kProgram);
}

TEST(DwarfLines, places_without_inlined_functions)
{
	Symbolizer symbolizer(with_everything());
	const auto file = symbolizer.add({kProgram, "", 0, false});
	const Range range = range_of("plain_function");
	std::vector<Symbolizer::InlineFrame> frames = {{}};
	symbolizer.inlined(file, range.end - 1, &frames);
	EXPECT_TRUE(frames.empty());
	EXPECT_THAT(std::string(symbolizer.line(file, range.begin).file), EndsWith("inlined_functions.cpp"));
	EXPECT_THAT(symbolizer.line(file, range.end - 1).number, testing::AllOf(testing::Ge(122U), testing::Le(124U)));
	EXPECT_EQ(symbolizer.line_in_function(file, range.begin).number, symbolizer.line(file, range.begin).number);
	EXPECT_EQ(symbolizer.line(file, 0).number, 0U);
	EXPECT_EQ(symbolizer.line(file, 0).file, "");
}

TEST(DwarfLines, nothing_unless_asked_for)
{
	Symbolizer::Options options = with_everything();
	options.inline_frames = options.lines = false;
	Symbolizer symbolizer(options);
	const auto file = symbolizer.add({kProgram, "", 0, false});
	std::vector<Symbolizer::InlineFrame> frames = {{}};
	symbolizer.inlined(file, range_of("run_layers").begin, &frames);
	EXPECT_TRUE(frames.empty());
	EXPECT_EQ(symbolizer.line(file, range_of("run_layers").begin).file, "");
}

TEST(DwarfLines, from_a_separate_debug_file_compressed_or_not)
{
	for (const char *compress : {"", " --compress-debug-sections", " --compress-debug-sections=zlib-gnu"}) {
		const TemporaryFolder folder;
		const std::string program = folder.file("program"), debug = folder.file("program.debug");
		if (!run("objcopy --only-keep-debug" + std::string(compress) + " " + kProgram + " " + debug) ||
		    !run("objcopy --strip-debug --add-gnu-debuglink=" + debug + " " + kProgram + " " + program))
			GTEST_SKIP() << "objcopy is not installed";
		expect_inlined(with_everything(), program);
	}
}

TEST(DwarfLines, with_a_supplementary_file)
{
	const TemporaryFolder folder;
	const std::string one = folder.file("one"), two = folder.file("two"), common = folder.file("common.debug");
	if (!run("dwz --version >/dev/null 2>&1"))
		GTEST_SKIP() << "dwz is not installed";
	ASSERT_TRUE(run("objcopy --decompress-debug-sections " + kProgram + " " + one + " && cp " + one + " " + two));
	if (!run("dwz -m " + common + " -M common.debug " + one + " " + two + " 2>/dev/null") ||
	    !std::filesystem::exists(common))
		GTEST_SKIP() << "dwz makes no supplementary file of these";
	expect_inlined(with_everything(), one, "step<int>");
	std::filesystem::remove(common);
	Symbolizer symbolizer(with_everything());
	const auto file = symbolizer.add({one, "", 0, false});
	const Range range = range_of("run_layers");
	std::vector<Symbolizer::InlineFrame> frames;
	for (uint64_t offset = range.begin; offset < range.end; offset++)
		symbolizer.inlined(file, offset, &frames);
	ASSERT_EQ(symbolizer.problems().size(), 1U);
	EXPECT_THAT(symbolizer.problems().begin()->second, HasSubstr("supplementary debug file"));
}

TEST(DwarfLines, a_bound_that_is_reached_is_said)
{
	for (const std::size_t bound : {std::size_t{0}, std::size_t{2}}) {
		Result<ElfFile> elf = ElfFile::open(kProgram);
		ASSERT_TRUE(elf.ok());
		DwarfLines::Options options;
		options.maximum_ranges = bound;
		Result<DwarfLines> lines = DwarfLines::open(std::move(*elf), options);
		ASSERT_TRUE(lines.ok());
		const Range range = range_of("run_layers");
		std::vector<DwarfLines::Frame> frames;
		for (uint64_t address = range.begin; address < range.end; address++)
			lines->inlined(address, &frames); // offsets are addresses in this file, or not: no matter
		EXPECT_THAT(lines->problem(), HasSubstr("more than"));
	}
}

TEST(DwarfLines, files_without_debug_information)
{
	Result<ElfFile> elf = ElfFile::open("/bin/true");
	ASSERT_TRUE(elf.ok());
	const Result<DwarfLines> lines = DwarfLines::open(std::move(*elf), {});
	ASSERT_FALSE(lines.ok());
	EXPECT_EQ(lines.error().code, ErrorCode::not_found);
}

// What a file says about its sizes is not believed, what it refers to need not be there.
TEST(DwarfLines, damaged_files_are_survived)
{
	const std::string good = test::read_file(kProgram);
	const Range range = range_of("run_layers");
	std::mt19937 random(1); // NOLINT: the same every time
	for (int round = 0; round < 400; round++) {
		std::string bad = good;
		for (int flips = 1 + round % 16; flips > 0; flips--)
			bad[random() % bad.size()] = static_cast<char>(random());
		Result<ElfFile> elf = ElfFile::from_image(bad.data(), bad.size());
		if (!elf.ok())
			continue;
		Result<DwarfLines> lines = DwarfLines::open(std::move(*elf), {});
		if (!lines.ok())
			continue;
		std::vector<DwarfLines::Frame> frames;
		for (uint64_t address = range.begin; address < range.end; address += 3) {
			lines->line(address);
			lines->inlined(address, &frames);
		}
	}
}

TEST(DwarfEntries, forms_are_counted_by_their_sizes)
{
	// code 1: tag 0x11, with children, block1 + udata; code 2: tag 0x1d, data4 + flag_present; code 3: unknown
	// form.
	const std::string abbreviations("\x01\x11\x01\x02\x0a\x03\x0f\x00\x00"
					"\x02\x1d\x00\x02\x06\x03\x19\x00\x00"
					"\x03\x1d\x00\x02\x7f\x00\x00\x00",
					26);
	const DwarfEncoding encoding{4, 8, 4};
	const DwarfAbbreviations table(abbreviations, 0, encoding);
	const std::string section("\x01\x02zz\x80\x01\x02yyyy\x00\x03zzzzzzzz", 21);
	DwarfWalk walk(section, 0, section.size(), encoding, table);
	DwarfWalk::Entry entry;
	ASSERT_TRUE(walk.next(&entry));
	EXPECT_EQ(entry.tag, 0x11U);
	EXPECT_TRUE(entry.has_children);
	ASSERT_TRUE(walk.next(&entry));
	EXPECT_EQ(entry.offset, 6U);
	EXPECT_EQ(entry.tag, 0x1dU);
	ASSERT_TRUE(walk.next(&entry));
	EXPECT_EQ(entry.tag, 0U);
	EXPECT_FALSE(walk.next(&entry)) << "a form that is not known cannot be skipped";
	EXPECT_TRUE(walk.is_damaged());
	for (std::size_t end = 1; end < 11; end++) {
		DwarfWalk cut(section, 0, end, encoding, table);
		while (cut.next(&entry))
			EXPECT_LT(entry.offset, end);
		EXPECT_EQ(cut.is_damaged(), end != 6) << end;
	}
}

} // namespace
} // namespace neuroperf::analyzer
