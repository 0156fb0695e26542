// SPDX-License-Identifier: Apache-2.0
#include "analyzer/threads.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

// "file+offset" of an address in the process that a pid means now.
std::string where(Threads &threads, uint32_t pid, uint64_t address)
{
	const Place place = threads.place(threads.thread(threads.thread(pid, pid)).process, address, Side::user);
	return place.known ? threads.module(place.module).file.path + "+" + std::to_string(place.offset) : "-";
}

bool map(Threads &threads, uint32_t pid, uint64_t start, uint64_t length, uint64_t file_offset, std::string_view path)
{
	NewMapping mapping;
	mapping.pid = pid;
	mapping.start = start;
	mapping.length = length;
	mapping.file_offset = file_offset;
	mapping.path = path;
	return threads.on_mmap(mapping);
}

TEST(Mappings, AddressToFileOffset)
{
	Threads threads;
	map(threads, 1, 1000, 100, 4096, "a");
	EXPECT_EQ(where(threads, 1, 999), "-");
	EXPECT_EQ(where(threads, 1, 1000), "a+4096");
	EXPECT_EQ(where(threads, 1, 1099), "a+4195");
	EXPECT_EQ(where(threads, 1, 1100), "-");
}

TEST(Mappings, ANewOneCutsWhatItCovers)
{
	Threads threads;
	map(threads, 1, 1000, 1000, 0, "a");
	map(threads, 1, 1400, 200, 0, "b"); // a hole in the middle
	EXPECT_EQ(where(threads, 1, 1399), "a+399");
	EXPECT_EQ(where(threads, 1, 1400), "b+0");
	EXPECT_EQ(where(threads, 1, 1599), "b+199");
	EXPECT_EQ(where(threads, 1, 1600), "a+600");
	map(threads, 1, 900, 200, 0, "c"); // over the front
	EXPECT_EQ(where(threads, 1, 1099), "c+199");
	EXPECT_EQ(where(threads, 1, 1100), "a+100");
	map(threads, 1, 1900, 200, 0, "d"); // over the back
	EXPECT_EQ(where(threads, 1, 1899), "a+899");
	EXPECT_EQ(where(threads, 1, 1900), "d+0");
	map(threads, 1, 0, 5000, 0, "e"); // over everything
	for (const uint64_t address : {0, 1000, 1450, 1700, 2050, 4999})
		EXPECT_EQ(where(threads, 1, address), "e+" + std::to_string(address));
}

TEST(Mappings, SenselessOnesAreLeftOut)
{
	Threads threads;
	map(threads, 1, 1000, 0, 0, "empty");
	map(threads, 1, UINT64_MAX - 10, 100, 0, "wraps");
	EXPECT_EQ(where(threads, 1, 1000), "-");
	EXPECT_EQ(where(threads, 1, UINT64_MAX), "-");
}

TEST(Processes, ForkCopiesAndThenGoesItsOwnWay)
{
	Threads threads;
	threads.on_comm(1, 1, "parent", false);
	map(threads, 1, 1000, 100, 0, "a");
	threads.on_fork(2, 1, 2, 1);
	EXPECT_EQ(where(threads, 2, 1000), "a+0");
	EXPECT_EQ(threads.thread(threads.thread(2, 2)).name, "parent");
	map(threads, 2, 1000, 100, 0, "child");
	EXPECT_EQ(where(threads, 1, 1000), "a+0") << "the parent keeps its own";
	EXPECT_EQ(where(threads, 2, 1000), "child+0");
	map(threads, 1, 1000, 100, 0, "later");
	EXPECT_EQ(where(threads, 2, 1000), "child+0");
}

TEST(Processes, ExecDropsTheMappings)
{
	Threads threads;
	map(threads, 1, 1000, 100, 0, "old");
	threads.on_comm(1, 1, "renamed", false);
	EXPECT_EQ(where(threads, 1, 1000), "old+0") << "prctl(PR_SET_NAME) is no exec";
	threads.on_comm(1, 1, "program", true);
	EXPECT_EQ(where(threads, 1, 1000), "-");
	EXPECT_EQ(threads.process(threads.thread(threads.thread(1, 1)).process).name, "program");
}

TEST(Processes, AReusedPidIsAnotherProcess)
{
	Threads threads;
	threads.on_fork(5, 1, 5, 1);
	threads.on_comm(5, 5, "first", true);
	const ThreadId first = threads.thread(5, 5);
	threads.on_fork(5, 1, 5, 1);
	const ThreadId second = threads.thread(5, 5);
	EXPECT_NE(first, second);
	EXPECT_NE(threads.thread(first).process, threads.thread(second).process);
	EXPECT_EQ(threads.thread(first).name, "first");
}

TEST(Processes, AReusedThreadIdIsAnotherThreadOfTheSameProcess)
{
	Threads threads;
	threads.on_comm(1, 1, "main", false);
	threads.on_fork(1, 1, 7, 1);
	const ThreadId first = threads.thread(1, 7);
	threads.on_comm(1, 7, "worker", false);
	threads.on_fork(1, 1, 7, 1);
	const ThreadId second = threads.thread(1, 7);
	EXPECT_NE(first, second);
	EXPECT_EQ(threads.thread(first).process, threads.thread(second).process);
	EXPECT_EQ(threads.thread(first).name, "worker");
	EXPECT_EQ(threads.thread(second).name, "main") << "named after its process until it says otherwise";
	EXPECT_EQ(threads.process(threads.thread(first).process).name, "main") << "a worker does not name the process";
}

TEST(Processes, AThreadIsNamedAfterTheOneThatMadeIt)
{
	Threads threads;
	threads.on_comm(1, 1, "main", false);
	threads.on_fork(1, 1, 2, 1);
	threads.on_comm(1, 2, "pool", false);
	threads.on_fork(1, 1, 3, 2);
	EXPECT_EQ(threads.thread(threads.thread(1, 3)).name, "pool");
}

TEST(Processes, AListedProcessHasNotItsParentsMappings)
{
	Threads threads;
	map(threads, 1, 1000, 100, 0, "a");
	threads.on_fork(2, 1, 2, 1, false);
	EXPECT_EQ(where(threads, 2, 1000), "-");
}

TEST(Modules, GeneratedCodeIsNamedByAddressAndProcess)
{
	Threads threads;
	for (const char *path : {"//anon", "[anon:jit]", "[heap]", "/dev/zero (deleted)", "/anon_hugepage (deleted)"}) {
		map(threads, 1, 1000, 100, 0, path);
		EXPECT_EQ(where(threads, 1, 1010), "/tmp/perf-1.map+1010") << path;
	}
	map(threads, 2, 1000, 100, 0, "//anon");
	EXPECT_EQ(where(threads, 2, 1010), "/tmp/perf-2.map+1010");
}

TEST(Modules, OfOnePathAndTwoBuildIdsAreTwo)
{
	Threads threads;
	NewMapping mapping;
	mapping.pid = 1;
	mapping.start = 1000;
	mapping.length = 100;
	mapping.path = "lib";
	mapping.build_id = "one";
	threads.on_mmap(mapping);
	mapping.start = 2000;
	mapping.build_id = "two";
	threads.on_mmap(mapping);
	const ProcessId process = threads.thread(threads.thread(1, 1)).process;
	const Place first = threads.place(process, 1000, Side::user), second = threads.place(process, 2000, Side::user);
	EXPECT_NE(first.module, second.module);
	EXPECT_EQ(threads.module(second.module).file.build_id, "two");
}

TEST(Modules, TakeTheBuildIdThatTheRecordingLists)
{
	Threads threads;
	threads.set_build_id("lib", "listed");
	map(threads, 1, 1000, 100, 0, "lib");
	const Place place = threads.place(threads.thread(threads.thread(1, 1)).process, 1000, Side::user);
	EXPECT_EQ(threads.module(place.module).file.build_id, "listed");
}

TEST(Kernel, ModulesAndProgramsLieInsideTheKernelsRange)
{
	Threads threads;
	NewMapping text;
	text.start = 0xffffffff81000000;
	text.length = 0x40000000;
	text.path = "[kernel.kallsyms]_text";
	EXPECT_TRUE(threads.on_kernel_mmap(text));
	NewMapping module;
	module.start = 0xffffffffa0000000;
	module.length = 0x1000;
	module.path = "[npu]";
	EXPECT_TRUE(threads.on_kernel_mmap(module));
	EXPECT_TRUE(threads.on_kernel_symbol(0xffffffffa0002000, 0x100, "bpf_prog_1"));
	const auto at = [&](uint64_t address) {
		const Place place = threads.place(ProcessId{}, address, Side::kernel);
		EXPECT_EQ(place.offset, place.known ? address : 0);
		return place.known ? threads.module(place.module).file.path : "-";
	};
	EXPECT_EQ(at(0xffffffff81000010), "[kernel.kallsyms]");
	EXPECT_EQ(at(0xffffffffa0000fff), "[npu]");
	EXPECT_EQ(at(0xffffffffa0001000), "[kernel.kallsyms]") << "behind the module";
	EXPECT_EQ(at(0xffffffffa0002010), "bpf_prog_1");
	EXPECT_EQ(at(0xffffffffc8000000), "[kernel.kallsyms]") << "behind the range that was recorded: code for boot";
	EXPECT_EQ(at(0xffffffff80ffffff), "-");
	EXPECT_EQ(threads.module(threads.place(ProcessId{}, 0xffffffffa0002010, Side::kernel).module).only_symbol,
		  "bpf_prog_1");
}

// What a made-up file can make grow must stay in proportion to the file.
TEST(Hostile, LongNamesAreNotCopiedToEveryChild)
{
	Threads threads;
	threads.on_comm(1, 1, std::string(60'000, 'n'), false);
	for (uint32_t pid = 2; pid < 100; pid++)
		threads.on_fork(pid, 1, pid, 1);
	EXPECT_LE(threads.thread(threads.thread(50, 50)).name.size(), 64u);
}

TEST(Hostile, CopiesOfLargeMappingsAreLimited)
{
	Threads threads;
	for (uint64_t i = 0; i < 60'000; i++)
		map(threads, 1, i * 4096, 4096, 0, "a");
	uint64_t refused = 0;
	for (uint32_t pid = 2; pid < 1000; pid++) { // 60 million mappings, if nothing stops it
		threads.on_fork(pid, 1, pid, 1);
		refused += !map(threads, pid, 4096, 4096, 0, "b");
	}
	EXPECT_GT(refused, 900u);
	EXPECT_EQ(where(threads, 900, 4096), "a+0") << "what was known stays known";
	for (uint64_t i = 0; i < 200'000; i++)
		refused += !map(threads, 7000, i * 8192, 4096, 0, "a");
	EXPECT_GT(refused, 100'000u) << "no process has so many";
}

} // namespace
} // namespace neuroperf::analyzer
