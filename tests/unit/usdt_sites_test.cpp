// SPDX-License-Identifier: Apache-2.0
// Probe sites in ELF files, honest and hostile.
#include "collector/usdt_sites.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <neuroperf/neuroperf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "recording/unique_fd.hpp"
#include "tests/support/elf_writer.hpp"

#if defined(__x86_64__) // what ElfWriter writes

namespace neuroperf::collector {
namespace {

using test::ElfWriter;

UsdtSites find(const std::string &bytes)
{
	const UniqueFd file(::memfd_create("object", MFD_CLOEXEC));
	EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
	auto found = find_usdt_sites(file.get());
	EXPECT_TRUE(found.ok());
	return found.ok() ? *found : UsdtSites{};
}

// An object with a writable segment [0x5000, 0x5100) at offset 0x2000 too.
std::string object_with(const std::vector<std::string> &notes, uint64_t base = 0)
{
	ElfWriter writer;
	writer.add_segment({PT_LOAD, PF_R | PF_W, 0x2000, 0x5000, 0x5000, 0x100, 0x200, 0x1000});
	std::string all;
	for (const std::string &note : notes)
		all += note;
	writer.add_section(".note.stapsdt", SHT_NOTE, all, 4);
	if (base != 0)
		writer.add_section(".stapsdt.base", SHT_PROGBITS, "x", 1, base);
	std::string bytes = writer.bytes();
	bytes.resize(std::max<std::size_t>(bytes.size(), 0x2100));
	return bytes;
}

TEST(UsdtSites, FileOffsetsComeFromTheSegments)
{
	const auto found = find(object_with({test::stapsdt_note(0x1010, 0, 0x5042)}));
	ASSERT_EQ(found.sites.size(), 1u);
	EXPECT_EQ(found.sites[0].offset, 0x1010u);
	EXPECT_EQ(found.sites[0].semaphore_offset, 0x2042u);
	EXPECT_FALSE(found.sites[0].wide_nop_follows);
	EXPECT_EQ(found.bad_notes, 0u);
}

TEST(UsdtSites, TheWideNopIsLookedFor)
{
	std::string bytes = object_with({test::stapsdt_note(0x1010, 0, 0x5042)});
	const std::string nops("\x90\x0f\x1f\x44\x00\x00", 6);
	bytes.replace(0x1010, nops.size(), nops);
	EXPECT_TRUE(find(bytes).sites.at(0).wide_nop_follows);
	bytes[0x1012] = 0;
	EXPECT_FALSE(find(bytes).sites.at(0).wide_nop_follows);
}

TEST(UsdtSites, AddressesMoveWithTheBase)
{
	const auto found = find(object_with({test::stapsdt_note(0x1020, 0x3010, 0x5052)}, 0x3000));
	ASSERT_EQ(found.sites.size(), 1u);
	EXPECT_EQ(found.sites[0].offset, 0x1010u);
	EXPECT_EQ(found.sites[0].semaphore_offset, 0x2042u);
}

TEST(UsdtSites, OnlyOurProbeCounts)
{
	const auto found = find(object_with({test::stapsdt_note(0x1000, 0, 0x5000, "libc", "setjmp"),
					     test::stapsdt_note(0x1010, 0, 0x5042, "neuroperf", "other"),
					     test::stapsdt_note(0x1010, 0, 0x5042, "neuroperf", "event", "GNU"),
					     test::stapsdt_note(0x1020, 0, 0x5042)}));
	ASSERT_EQ(found.sites.size(), 1u);
	EXPECT_EQ(found.sites[0].offset, 0x1020u);
	EXPECT_EQ(found.bad_notes, 0u);
}

TEST(UsdtSites, NotesThatMakeNoSenseAreCounted)
{
	const auto found = find(object_with({
		test::stapsdt_note(0x1010, 0, 0x5042), test::stapsdt_note(0x1010, 0, 0x5042), // twice the same
		test::stapsdt_note(0xfff, 0, 0x5042), test::stapsdt_note(0x1100, 0, 0x5042),  // no code
		test::stapsdt_note(UINT64_MAX, 0, 0x5042), test::stapsdt_note(0x1010, 0, 0),  // no semaphore
		test::stapsdt_note(0x1010, 0, 0x1010),                                        // in code
		test::stapsdt_note(0x1010, 0, 0x50ff), test::stapsdt_note(0x1010, 0, 0x5180), // cut, not in the file
	}));
	EXPECT_EQ(found.sites.size(), 1u);
	EXPECT_EQ(found.bad_notes, 7u);
}

TEST(UsdtSites, NoMoreThanALinkerCanHaveLeft)
{
	std::vector<std::string> notes;
	for (uint64_t i = 0; i < 200; i++)
		notes.push_back(test::stapsdt_note(0x1000 + i, 0, 0x5042));
	const auto found = find(object_with(notes));
	EXPECT_EQ(found.sites.size(), 64u);
	EXPECT_EQ(found.bad_notes, 136u);
}

TEST(UsdtSites, AFileCutAnywhereIsSurvived)
{
	const std::string whole = object_with({test::stapsdt_note(0x1010, 0, 0x5042)}, 0x3000);
	for (std::size_t size = 0; size < whole.size(); size += size < 1024 ? 1 : 61)
		EXPECT_LE(find(whole.substr(0, size)).sites.size(), 1u);
	EXPECT_EQ(find("").sites.size(), 0u);
	EXPECT_EQ(find("#!/bin/sh\n").sites.size(), 0u);
}

TEST(UsdtSites, DamagedBytesAreSurvived)
{
	const std::string whole = object_with({test::stapsdt_note(0x1010, 0, 0x5042)}, 0x3000);
	std::mt19937 random(1);
	for (int i = 0; i < 3000; i++) {
		std::string bytes = whole;
		for (int k = 0; k < 4; k++) {
			// Headers, notes and section headers; the space between holds nothing.
			const std::size_t at = random() % 1024;
			bytes[at] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
		}
		EXPECT_LE(find(bytes).sites.size(), 64u);
	}
}

TEST(UsdtSites, AFolderIsAnError)
{
	const UniqueFd folder(::open("/", O_RDONLY | O_CLOEXEC));
	EXPECT_FALSE(find_usdt_sites(folder.get()).ok());
}

TEST(UsdtSites, ThisVeryProgramHasOne)
{
	np_mark(np_mark_define("so that it is instrumented"));
	const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	const auto found = find_usdt_sites(file.get());
	ASSERT_TRUE(found.ok());
	ASSERT_EQ(found->sites.size(), 1u);
	EXPECT_TRUE(found->sites[0].wide_nop_follows);
}

} // namespace
} // namespace neuroperf::collector

#endif
