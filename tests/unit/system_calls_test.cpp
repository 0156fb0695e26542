// SPDX-License-Identifier: Apache-2.0
#include "collector/system_calls.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>

namespace neuroperf::collector {
namespace {

// As tracefs has it: the number, then each value on 8 bytes.
std::string format_of(std::size_t values, int first = 8, const std::string &more = "")
{
	std::string format = "name: call\nID: 812\nformat:\n"
			     "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
			     "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
			     "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
			     "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";
	format += fmt::format("\tfield:int __syscall_nr;\toffset:{};\tsize:4;\tsigned:1;\n", first);
	for (std::size_t i = 0; i < values; i++)
		format += fmt::format("\tfield:long value{};\toffset:{};\tsize:8;\tsigned:0;\n", i, first + 8 + i * 8);
	return format + more + "\nprint fmt: \"\"\n";
}

TEST(SystemCallPlace, ByTheNamesOfTheMachinesHeaders)
{
	const auto enter = system_call_place("syscalls:sys_enter_faccessat", format_of(3));
	ASSERT_TRUE(enter.has_value());
	EXPECT_EQ(enter->number, SYS_faccessat);
	EXPECT_FALSE(enter->at_end);
	const auto exit = system_call_place("syscalls:sys_exit_faccessat", format_of(1));
	ASSERT_TRUE(exit.has_value());
	EXPECT_EQ(exit->number, SYS_faccessat);
	EXPECT_TRUE(exit->at_end);
	const auto most = system_call_place("syscalls:sys_enter_mmap", format_of(6));
	ASSERT_TRUE(most.has_value());
	EXPECT_EQ(most->number, SYS_mmap);
	EXPECT_TRUE(system_call_place("syscalls:sys_enter_getppid", format_of(0)).has_value());
}

TEST(SystemCallPlace, FunctionsThatReplacedOlderOnes)
{
	const auto replaced = system_call_place("syscalls:sys_enter_newfstat", format_of(2));
	ASSERT_TRUE(replaced.has_value());
	EXPECT_EQ(replaced->number, SYS_fstat);
#ifdef SYS_newfstatat
	const auto own = system_call_place("syscalls:sys_enter_newfstatat", format_of(4));
	ASSERT_TRUE(own.has_value());
	EXPECT_EQ(own->number, SYS_newfstatat);
#endif
	EXPECT_FALSE(system_call_place("syscalls:sys_enter_new", format_of(2)).has_value());
}

TEST(SystemCallPlace, OthersAreLeftToPerf)
{
	EXPECT_FALSE(system_call_place("syscalls:sys_enter_no_such_call", format_of(1)).has_value());
	EXPECT_FALSE(system_call_place("syscalls:sys_enter_", format_of(1)).has_value());
	EXPECT_FALSE(system_call_place("syscalls:sys_enter_umount", format_of(2)).has_value()) << "umount2 is its call";
	EXPECT_FALSE(system_call_place("raw_syscalls:sys_enter", format_of(6)).has_value());
	EXPECT_FALSE(system_call_place("sched:sched_switch", format_of(2)).has_value());
}

TEST(SystemCallPlace, RecordsOfAnotherShapeAreLeftToPerf)
{
	const std::string enter = "syscalls:sys_enter_faccessat";
	EXPECT_FALSE(system_call_place(enter, "").has_value());
	EXPECT_FALSE(system_call_place(enter, format_of(3, 12)).has_value()) << "PREEMPT_RT";
	EXPECT_FALSE(system_call_place(enter, format_of(7)).has_value());
	EXPECT_FALSE(system_call_place("syscalls:sys_exit_faccessat", format_of(2)).has_value());
	const std::string text = "\tfield:__data_loc char[] __filename_val;\toffset:40;\tsize:4;\tsigned:0;\n";
	EXPECT_FALSE(system_call_place(enter, format_of(3, 8, text)).has_value());
	const std::string gap = "\tfield:long last;\toffset:48;\tsize:8;\tsigned:0;\n";
	EXPECT_FALSE(system_call_place(enter, format_of(3, 8, gap)).has_value());
}

} // namespace
} // namespace neuroperf::collector
