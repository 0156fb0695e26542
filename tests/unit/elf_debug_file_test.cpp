// SPDX-License-Identifier: Apache-2.0
// Separate debug files: hand-made ELF files of three sections, one stripped, one with symbols.
#include <filesystem>

#include <gtest/gtest.h>

#include "analyzer/elf_debug_file.hpp"
#include "analyzer/symbolizer.hpp"
#include "tests/support/elf_writer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

namespace fs = std::filesystem;
using test::ElfWriter;
using test::TemporaryFolder;

void write_file(const std::string &path, const std::string &content)
{
	fs::create_directories(fs::path(path).parent_path());
	test::write_file(path, content);
}

std::string debug_file(const std::string &build_id, const std::string &function = "stripped_function")
{
	return test::elf_with_function(build_id, function);
}

uint32_t crc_of(const std::string &path)
{
	Result<ElfFile> file = ElfFile::open(path);
	uint32_t crc = 0;
	EXPECT_TRUE(file.ok() && file->file_crc32(&crc));
	return crc;
}

bool finds(const std::string &path, const std::string &root)
{
	Result<ElfFile> elf = ElfFile::open(path);
	EXPECT_TRUE(elf.ok());
	return elf.ok() && find_debug_file(*elf, path, root).has_value();
}

TEST(ElfDebugFile, crc_is_the_usual_one)
{
	const TemporaryFolder folder;
	// The check value every description of CRC-32 gives, behind what makes the file an ELF file: none here, so by
	// hand.
	const std::string image = debug_file("");
	write_file(folder.file("a"), image);
	uint32_t expected = 0xffffffffU; // bit by bit
	for (const char byte : image) {
		expected ^= static_cast<unsigned char>(byte);
		for (int i = 0; i < 8; i++)
			expected = (expected >> 1) ^ (0xedb88320U & (0U - (expected & 1)));
	}
	EXPECT_EQ(crc_of(folder.file("a")), ~expected);
}

TEST(ElfDebugFile, by_build_id)
{
	const TemporaryFolder folder;
	ElfWriter stripped;
	stripped.add_build_id("\xab\xcd\xef\x12");
	write_file(folder.file("program"), stripped.bytes());
	const std::string place = folder.file("debug/.build-id/ab/cdef12.debug");
	EXPECT_FALSE(finds(folder.file("program"), folder.file("debug")));
	write_file(place, debug_file("\xab\xcd\xef\x12"));
	EXPECT_TRUE(finds(folder.file("program"), folder.file("debug")));
	write_file(place, debug_file("\xab\xcd\xef\x13"));
	EXPECT_FALSE(finds(folder.file("program"), folder.file("debug"))) << "a file of another build";
	write_file(place, stripped.bytes());
	EXPECT_FALSE(finds(folder.file("program"), folder.file("debug"))) << "no symbols in it";
}

TEST(ElfDebugFile, by_debug_link_in_three_places)
{
	const TemporaryFolder folder;
	const std::string program = folder.file("bin/program"), root = folder.file("debug");
	for (const std::string &place :
	     {folder.file("bin/p.debug"), folder.file("bin/.debug/p.debug"), root + folder.file("bin/p.debug")}) {
		write_file(place, debug_file(""));
		ElfWriter stripped, damaged;
		stripped.add_debug_link("p.debug", crc_of(place));
		write_file(program, stripped.bytes());
		EXPECT_TRUE(finds(program, root)) << place;
		damaged.add_debug_link("p.debug", crc_of(place) ^ 1);
		write_file(program, damaged.bytes());
		EXPECT_FALSE(finds(program, root)) << place;
		fs::remove(place);
	}
}

TEST(ElfDebugFile, a_debug_link_cannot_lead_elsewhere)
{
	const TemporaryFolder folder;
	write_file(folder.file("p.debug"), debug_file(""));
	ElfWriter stripped;
	stripped.add_debug_link("../p.debug", crc_of(folder.file("p.debug")));
	write_file(folder.file("bin/program"), stripped.bytes());
	EXPECT_FALSE(finds(folder.file("bin/program"), folder.file("debug")));
}

TEST(ElfDebugFile, its_symbols_name_the_stripped_file)
{
	const TemporaryFolder folder;
	write_file(folder.file("p.debug"), debug_file(""));
	ElfWriter stripped;
	stripped.add_debug_link("p.debug", crc_of(folder.file("p.debug")));
	write_file(folder.file("program"), stripped.bytes());
	Symbolizer symbolizer({"", 0, true});
	const Symbolizer::Name name = symbolizer.name(symbolizer.add({folder.file("program"), "", 0, false}), 0x1014);
	EXPECT_EQ(name.text, "stripped_function");
	EXPECT_EQ(name.offset, 4U);
	EXPECT_EQ(symbolizer.name(symbolizer.add({folder.file("program"), "", 0, false}), 0x1030).text, "");
}

TEST(ElfDebugFile, names_too_long_to_be_true_are_dropped)
{
	const TemporaryFolder folder;
	write_file(folder.file("program"), debug_file("", std::string(70000, 'x')));
	Symbolizer symbolizer({"", 0, true});
	EXPECT_EQ(symbolizer.name(symbolizer.add({folder.file("program"), "", 0, false}), 0x1014).text, "");
	write_file(folder.file("plain"), debug_file("", std::string(60000, 'x')));
	EXPECT_EQ(symbolizer.name(symbolizer.add({folder.file("plain"), "", 0, false}), 0x1014).text.size(), 60000U);
}

} // namespace
} // namespace neuroperf::analyzer
