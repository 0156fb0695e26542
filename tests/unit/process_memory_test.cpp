// SPDX-License-Identifier: Apache-2.0
#include "collector/process_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace neuroperf::collector {
namespace {

// Two pages of 'x', and one behind them that is nobody's.
class ProcessMemory : public testing::Test {
protected:
	ProcessMemory()
	{
		page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
		void *memory = ::mmap(nullptr, 3 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		EXPECT_NE(memory, MAP_FAILED);
		bytes_ = static_cast<char *>(memory);
		std::memset(bytes_, 'x', 2 * page_);
		::mprotect(bytes_ + 2 * page_, page_, PROT_NONE);
	}
	~ProcessMemory() override { ::munmap(bytes_, 3 * page_); }

	std::string text(std::size_t offset, std::size_t room) const
	{
		std::string to(room, '?');
		read_process_text(::getpid(), reinterpret_cast<uintptr_t>(bytes_ + offset), to.data(), room);
		EXPECT_EQ(to.back(), '\0') << "always with an end";
		return to.c_str();
	}
	std::size_t page_ = 0;
	char *bytes_ = nullptr;
};

TEST_F(ProcessMemory, TextsEndAtTheirEnd)
{
	std::strcpy(bytes_ + page_ - 3, "across"); // two pages
	EXPECT_EQ(text(page_ - 3, 64), "across");
	EXPECT_EQ(text(page_ - 3, 4), "acr") << "no more than there is room for";
	EXPECT_EQ(text(page_ - 3, 1), "");
}

TEST_F(ProcessMemory, TextsAreCutWhereMemoryEnds)
{
	EXPECT_EQ(text(2 * page_ - 5, 64), "xxxxx");
	EXPECT_EQ(text(2 * page_, 64), "");
}

TEST_F(ProcessMemory, IsReadAsAWholeOrNotAtAll)
{
	uint64_t word = 0;
	const auto at = [this](std::size_t offset) { return reinterpret_cast<uintptr_t>(bytes_ + offset); };
	EXPECT_TRUE(read_process_memory(::getpid(), at(2 * page_ - 8), &word, 8));
	EXPECT_EQ(word, 0x7878787878787878u);
	EXPECT_FALSE(read_process_memory(::getpid(), at(2 * page_ - 4), &word, 8));
	EXPECT_FALSE(read_process_memory(-1, at(0), &word, 8));
}

} // namespace
} // namespace neuroperf::collector
