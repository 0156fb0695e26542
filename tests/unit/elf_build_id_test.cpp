// SPDX-License-Identifier: Apache-2.0
#include "recording/elf_build_id.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "recording/unique_fd.hpp"
#include "tests/support/elf_with_notes.hpp"

namespace neuroperf::recording {
namespace {

using test::build_id_note;
using test::elf_with_notes;
using test::note;

const std::string kId = "0123456789abcdefghij";

std::string id_of(const std::string &content)
{
	const UniqueFd file(::memfd_create("elf", MFD_CLOEXEC));
	EXPECT_EQ(::write(file.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
	return elf_build_id(file.get());
}

TEST(BuildId, IsFoundAmongOtherNotes)
{
	const std::string_view gnu("GNU\0", 4);
	const std::string others = note(NT_GNU_PROPERTY_TYPE_0, gnu, "12345678") + note(NT_GNU_ABI_TAG, gnu, "odd");
	EXPECT_EQ(build_id_in_notes(others), "");
	EXPECT_EQ(build_id_in_notes(others + build_id_note(kId)), kId);
	EXPECT_EQ(build_id_in_notes(note(NT_GNU_BUILD_ID, std::string_view("Go\0\0", 4), "wrong") + build_id_note(kId)),
		  kId);
	EXPECT_EQ(build_id_in_notes(build_id_note("12345678")), "12345678");
	EXPECT_EQ(build_id_in_notes(build_id_note(std::string(32, 'x'))), std::string(20, 'x'));
}

TEST(BuildId, NotesThatLieAreLeft)
{
	const std::string whole = build_id_note(kId);
	for (std::size_t size = 0; size < whole.size(); size++)
		EXPECT_EQ(build_id_in_notes(whole.substr(0, size)), "") << size;
	for (const std::size_t at : {0, 4}) { // sizes
		std::string damaged = whole;
		const uint32_t huge = 0xfffffffd;
		std::memcpy(damaged.data() + at, &huge, sizeof huge);
		EXPECT_EQ(build_id_in_notes(damaged), "");
	}
}

TEST(BuildId, OfFiles)
{
	EXPECT_EQ(id_of(elf_with_notes(build_id_note(kId))), kId);
	EXPECT_EQ(id_of(elf_with_notes(build_id_note(kId), 100'000)), kId);
	EXPECT_EQ((id_of(elf_with_notes<Elf32_Ehdr, Elf32_Phdr>(build_id_note(kId)))), kId);
	EXPECT_EQ(id_of(""), "");
	EXPECT_EQ(id_of("#!/bin/sh\n"), "");
	EXPECT_EQ(elf_build_id(-1), "");
}

TEST(BuildId, DamagedFilesHaveNone)
{
	const std::string whole = elf_with_notes(build_id_note(kId));
	for (std::size_t size = 0; size < whole.size(); size++)
		EXPECT_EQ(id_of(whole.substr(0, size)), "");
	for (std::size_t at = 0; at < sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr); at++) {
		std::string damaged = whole;
		damaged[at] = '\xff';
		const std::string id = id_of(damaged); // any answer that is an id will do, as long as there is one
		EXPECT_TRUE(id.empty() || id == kId) << at;
	}
}

TEST(BuildId, OfThisProgramIsThatOfTheLinker)
{
	const UniqueFd file(::open("/proc/self/exe", O_RDONLY));
	EXPECT_EQ(elf_build_id(file.get()).size(), 20u);
}

} // namespace
} // namespace neuroperf::recording
