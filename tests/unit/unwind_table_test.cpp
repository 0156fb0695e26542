// SPDX-License-Identifier: Apache-2.0
// Which code only a running function goes on in: of a library that a compiler wrote, and of damaged copies.
#include "collector/unwind_table.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "collector/code_index.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

std::string library()
{
	std::ifstream file(NEUROPERF_SMALL_RUNTIME, std::ios::binary);
	return {std::istreambuf_iterator<char>(file), {}};
}

class Opened {
public:
	explicit Opened(const std::string &bytes) : file_(::memfd_create("object", MFD_CLOEXEC))
	{
		EXPECT_EQ(::pwrite(file_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
	}
	int get() const { return file_.get(); }

private:
	UniqueFd file_;
};

// Addresses of functions of the library, which begins at 0.
CodePlace symbol(const char *name)
{
	const Opened file(library());
	const auto index = CodeIndex::read(file.get());
	const auto found = index->any(name);
	EXPECT_EQ(found.size(), 1u) << name;
	if (found.empty())
		return {};
	return {index->address_of(found[0].offset).value_or(0), found[0].size, found[0].name};
}

std::optional<recording::CallFrameTable::Code> part_in(const std::string &bytes, uint64_t address)
{
	const Opened file(bytes);
	const auto object = ObjectFile::read(file.get());
	if (!object.ok())
		return std::nullopt;
	return UnwindTable(*object).continued_part(address);
}

std::size_t header_offset(const std::string &bytes)
{
	const Opened file(bytes);
	const auto object = ObjectFile::read(file.get());
	return object->offset_of(object->unwind_address()).value();
}

TEST(UnwindTable, APartThatIsPutAwayIsFoundFromEachOfItsBytes)
{
	const CodePlace cold = symbol("small_cold_part.cold");
	ASSERT_GT(cold.size, 1u);
	for (const uint64_t address : {cold.offset, cold.offset + 1, cold.offset + cold.size - 1}) {
		const auto part = part_in(library(), address);
		ASSERT_TRUE(part.has_value());
		EXPECT_EQ(part->begin, cold.offset);
		EXPECT_EQ(part->end, cold.offset + cold.size);
	}
}

TEST(UnwindTable, WhereFunctionsBeginNobodyGoesOn)
{
	for (const char *name : {"small_cold_part", "small_tail", "small_run", "small::Dense::forward(int)"}) {
		const CodePlace function = symbol(name);
		EXPECT_FALSE(part_in(library(), function.offset)) << name;
		EXPECT_FALSE(part_in(library(), function.offset + function.size / 2)) << name << ", inside";
	}
	for (const uint64_t nowhere : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40, ~uint64_t{0}})
		EXPECT_FALSE(part_in(library(), nowhere)) << nowhere;
}

TEST(UnwindTable, TablesOfOtherFormsSayNothing)
{
	const uint64_t cold = symbol("small_cold_part.cold").offset;
	const std::string whole = library();
	const std::size_t header = header_offset(whole);
	ASSERT_TRUE(part_in(whole, cold));
	for (std::size_t byte = 0; byte < 8; byte++) { // version, encodings, and where the frames are
		std::string other = whole;
		other[header + byte] = static_cast<char>(other[header + byte] ^ 8);
		const bool counts = byte == 2 || byte == 3; // of the table for searching, which is not read
		EXPECT_EQ(part_in(other, cold).has_value(), counts) << byte;
	}
	std::string stripped = whole; // of its sections
	std::memset(stripped.data() + offsetof(Elf64_Ehdr, e_shoff), 0, sizeof(Elf64_Off));
	EXPECT_FALSE(part_in(stripped, cold));
}

TEST(UnwindTable, DamagedFilesAreSurvived)
{
	const uint64_t cold = symbol("small_cold_part.cold").offset;
	const std::string whole = library();
	for (const std::size_t size : {0, 63, 64, 1000, 4096, 8192})
		part_in(whole.substr(0, size), cold);
	std::mt19937 random(7);
	const std::size_t header = header_offset(whole);
	for (unsigned round = 0; round < 2000; round++) {
		std::string damaged = whole;
		for (unsigned i = 0; i < 4; i++) { // the header and what follows it: .eh_frame
			const std::size_t near = std::min<std::size_t>(header + random() % 2048, whole.size() - 1);
			damaged[near] = static_cast<char>(random());
		}
		if (round % 4 == 0)
			damaged[random() % 1024] = static_cast<char>(random());
		const auto part = part_in(damaged, cold);
		EXPECT_TRUE(!part || (part->begin <= cold && cold < part->end));
	}
}

} // namespace
} // namespace neuroperf::collector
