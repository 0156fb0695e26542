// SPDX-License-Identifier: Apache-2.0
#include "analyzer/threads.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

// "file+offset" of an address in the process that a pid means now.
std::string where(Threads &threads, uint32_t pid, uint64_t address)
{
	const Place place = threads.place(threads.thread(threads.thread(pid, pid)).process, address);
	return place.known ? threads.module(place.module) + "+" + std::to_string(place.offset) : "-";
}

TEST(Mappings, AddressToFileOffset)
{
	Threads threads;
	threads.on_mmap(1, 1000, 100, 4096, "a");
	EXPECT_EQ(where(threads, 1, 999), "-");
	EXPECT_EQ(where(threads, 1, 1000), "a+4096");
	EXPECT_EQ(where(threads, 1, 1099), "a+4195");
	EXPECT_EQ(where(threads, 1, 1100), "-");
}

TEST(Mappings, ANewOneCutsWhatItCovers)
{
	Threads threads;
	threads.on_mmap(1, 1000, 1000, 0, "a");
	threads.on_mmap(1, 1400, 200, 0, "b"); // a hole in the middle
	EXPECT_EQ(where(threads, 1, 1399), "a+399");
	EXPECT_EQ(where(threads, 1, 1400), "b+0");
	EXPECT_EQ(where(threads, 1, 1599), "b+199");
	EXPECT_EQ(where(threads, 1, 1600), "a+600");
	threads.on_mmap(1, 900, 200, 0, "c"); // over the front
	EXPECT_EQ(where(threads, 1, 1099), "c+199");
	EXPECT_EQ(where(threads, 1, 1100), "a+100");
	threads.on_mmap(1, 1900, 200, 0, "d"); // over the back
	EXPECT_EQ(where(threads, 1, 1899), "a+899");
	EXPECT_EQ(where(threads, 1, 1900), "d+0");
	threads.on_mmap(1, 0, 5000, 0, "e"); // over everything
	for (const uint64_t address : {0, 1000, 1450, 1700, 2050, 4999})
		EXPECT_EQ(where(threads, 1, address), "e+" + std::to_string(address));
}

TEST(Mappings, SenselessOnesAreLeftOut)
{
	Threads threads;
	threads.on_mmap(1, 1000, 0, 0, "empty");
	threads.on_mmap(1, UINT64_MAX - 10, 100, 0, "wraps");
	EXPECT_EQ(where(threads, 1, 1000), "-");
	EXPECT_EQ(where(threads, 1, UINT64_MAX), "-");
}

TEST(Processes, ForkCopiesAndThenGoesItsOwnWay)
{
	Threads threads;
	threads.on_comm(1, 1, "parent", false);
	threads.on_mmap(1, 1000, 100, 0, "a");
	threads.on_fork(2, 1, 2);
	EXPECT_EQ(where(threads, 2, 1000), "a+0");
	EXPECT_EQ(threads.thread(threads.thread(2, 2)).name, "parent");
	threads.on_mmap(2, 1000, 100, 0, "child");
	EXPECT_EQ(where(threads, 1, 1000), "a+0") << "the parent keeps its own";
	EXPECT_EQ(where(threads, 2, 1000), "child+0");
	threads.on_mmap(1, 1000, 100, 0, "later");
	EXPECT_EQ(where(threads, 2, 1000), "child+0");
}

TEST(Processes, ExecDropsTheMappings)
{
	Threads threads;
	threads.on_mmap(1, 1000, 100, 0, "old");
	threads.on_comm(1, 1, "renamed", false);
	EXPECT_EQ(where(threads, 1, 1000), "old+0") << "prctl(PR_SET_NAME) is no exec";
	threads.on_comm(1, 1, "program", true);
	EXPECT_EQ(where(threads, 1, 1000), "-");
	EXPECT_EQ(threads.process(threads.thread(threads.thread(1, 1)).process).name, "program");
}

TEST(Processes, AReusedPidIsAnotherProcess)
{
	Threads threads;
	threads.on_fork(5, 1, 5);
	threads.on_comm(5, 5, "first", true);
	const ThreadId first = threads.thread(5, 5);
	threads.on_fork(5, 1, 5);
	const ThreadId second = threads.thread(5, 5);
	EXPECT_NE(first, second);
	EXPECT_NE(threads.thread(first).process, threads.thread(second).process);
	EXPECT_EQ(threads.thread(first).name, "first");
}

TEST(Processes, AReusedThreadIdIsAnotherThreadOfTheSameProcess)
{
	Threads threads;
	threads.on_comm(1, 1, "main", false);
	threads.on_fork(1, 1, 7);
	const ThreadId first = threads.thread(1, 7);
	threads.on_comm(1, 7, "worker", false);
	threads.on_fork(1, 1, 7);
	const ThreadId second = threads.thread(1, 7);
	EXPECT_NE(first, second);
	EXPECT_EQ(threads.thread(first).process, threads.thread(second).process);
	EXPECT_EQ(threads.thread(first).name, "worker");
	EXPECT_EQ(threads.thread(second).name, "main") << "named after its process until it says otherwise";
	EXPECT_EQ(threads.process(threads.thread(first).process).name, "main") << "a worker does not name the process";
}

// What a made-up file can make grow must stay in proportion to the file.
TEST(Hostile, LongNamesAreNotCopiedToEveryChild)
{
	Threads threads;
	threads.on_comm(1, 1, std::string(60'000, 'n'), false);
	for (uint32_t pid = 2; pid < 100; pid++)
		threads.on_fork(pid, 1, pid);
	EXPECT_LE(threads.thread(threads.thread(50, 50)).name.size(), 64u);
}

TEST(Hostile, CopiesOfLargeMappingsAreLimited)
{
	Threads threads;
	for (uint64_t i = 0; i < 60'000; i++)
		threads.on_mmap(1, i * 4096, 4096, 0, "a");
	uint64_t refused = 0;
	for (uint32_t pid = 2; pid < 1000; pid++) { // 60 million mappings, if nothing stops it
		threads.on_fork(pid, 1, pid);
		refused += !threads.on_mmap(pid, 4096, 4096, 0, "b");
	}
	EXPECT_GT(refused, 900u);
	EXPECT_EQ(where(threads, 900, 4096), "a+0") << "what was known stays known";
	for (uint64_t i = 0; i < 200'000; i++)
		refused += !threads.on_mmap(7000, i * 8192, 4096, 0, "a");
	EXPECT_GT(refused, 100'000u) << "no process has so many";
}

} // namespace
} // namespace neuroperf::analyzer
