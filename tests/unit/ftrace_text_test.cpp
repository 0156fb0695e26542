// SPDX-License-Identifier: Apache-2.0
#include "recording/ftrace_text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neuroperf::recording {
namespace {

using testing::ElementsAre;

std::string shown(std::string_view text)
{
	const auto line = parse_ftrace_line(text);
	if (!line)
		return "none";
	return fmt::format("{}|{}|{}|{}|{}|{}|{}", line->comm, line->tid,
			   line->tgid ? std::to_string(*line->tgid) : "-", line->cpu, line->time_ns, line->event,
			   line->text);
}

TEST(FtraceText, Lines)
{
	EXPECT_EQ(shown("               t-170     [000] .....     2.491841: dma_fence_init: driver=a timeline=b"),
		  "t|170|-|0|2491841000|dma_fence_init|driver=a timeline=b");
	EXPECT_EQ(shown("    kworker/u8:0-12      [001] d..1.     2.495085: job: done\n"),
		  "kworker/u8:0|12|-|1|2495085000|job|done")
		<< "five flags";
	EXPECT_EQ(shown("bash-1  [003] d..1  12345.000001: e: x"), "bash|1|-|3|12345000001000|e|x") << "four flags";
	EXPECT_EQ(shown("bash-1  [003] 12345.000000001: e: x"), "bash|1|-|3|12345000000001|e|x")
		<< "trace-cmd, nanoseconds";
	EXPECT_EQ(shown("   app-34 (   30) [002] ..... 1.5: e: x"), "app|34|30|2|1500000000|e|x") << "with TGID";
	EXPECT_EQ(shown("   app-34 (-------) [002] ..... 1.5: e: x"), "app|34|-|2|1500000000|e|x");
	EXPECT_EQ(shown("<...>-34 [002] 1.5: e:"), "<...>|34|-|2|1500000000|e|");
	EXPECT_EQ(shown("t-170 [000] ...1. 2.490837: sys_ioctl(fd: 3, cmd: c0206440)"),
		  "t|170|-|0|2490837000|sys_ioctl|(fd: 3, cmd: c0206440)");
	EXPECT_EQ(shown("t-170 [000] ...1. 2.494372: sys_ioctl -> 0x0"), "t|170|-|0|2494372000|sys_ioctl| -> 0x0");
}

TEST(FtraceText, NamesMayHoldAnything)
{
	EXPECT_EQ(shown("  Web Content-34 [002] 1.5: e: x"), "Web Content|34|-|2|1500000000|e|x");
	EXPECT_EQ(shown("  foo-12 bar-34 [002] 1.5: e: x"), "foo-12 bar|34|-|2|1500000000|e|x");
	EXPECT_EQ(shown("  a: b-34 [002] 1.5: e: x"), "a: b|34|-|2|1500000000|e|x");
	EXPECT_EQ(shown("  -34 [002] 1.5: e: x"), "|34|-|2|1500000000|e|x");
	EXPECT_EQ(shown("  a--34 [002] 1.5: e: x-7 [001] 2.5: f: y"), "a-|34|-|2|1500000000|e|x-7 [001] 2.5: f: y");
}

TEST(FtraceText, WhatIsNoLine)
{
	for (const char *text :
	     {"", "\n", "# tracer: nop", "cpus=2", "CPU:1 [LOST 5 EVENTS]", "a-1", "a-1 [002]",
	      "a-1 [002] 1.5:", "a-1 [002] 1.5: ", "a-1 [x] 1.5: e: x", "a-1 [002] 1: e: x", "a-1 [002] 1.: e: x",
	      "a-1 [002] 1.1234567890: e: x", "a-1 [002] 99999999999999999999.5: e: x", "a-1 (3 [002] 1.5: e: x",
	      "a-99999999999 [002] 1.5: e: x", "a-1[002] 1.5: e: x"})
		EXPECT_EQ(shown(text), "none") << text;
}

std::vector<std::string> values(const char *pattern, std::string_view text)
{
	std::vector<std::string_view> found;
	if (!TextPattern(pattern).match(text, &found))
		return {"none"};
	return {found.begin(), found.end()};
}

TEST(FtraceText, Patterns)
{
	EXPECT_THAT(values("fence={a}:{b}, ring={name}, count:{n}", "fence=4:1, ring=npu 0, count:0"),
		    ElementsAre("4", "1", "npu 0", "0"));
	EXPECT_THAT(values("{event} context:{c}", "submit done context:3"), ElementsAre("submit done", "3"));
	EXPECT_THAT(values("{a} signaled", "4:1 signaled"), ElementsAre("4:1"));
	EXPECT_THAT(values("all of it", "all of it"), ElementsAre());
	EXPECT_THAT(values("{a}", ""), ElementsAre(""));
	EXPECT_THAT(values("{a} signaled", "4:1 signaled twice"), ElementsAre("none"));
	EXPECT_THAT(values("fence={a}", "ring=4"), ElementsAre("none"));
	EXPECT_THAT(values("a={a} b={b}", "a=1"), ElementsAre("none"));
	EXPECT_TRUE(TextPattern("{a:x} {b}").fields()[0].hexadecimal);
	EXPECT_FALSE(TextPattern("{a:x} {b}").fields()[1].hexadecimal);
	EXPECT_THAT(values("open {", "open {"), ElementsAre());
}

TEST(FtraceText, Numbers)
{
	EXPECT_EQ(number_of("18446744073709551615", false), UINT64_MAX);
	EXPECT_EQ(number_of("-1", false), UINT64_MAX);
	EXPECT_EQ(number_of("0x1f", true), 0x1fu);
	EXPECT_EQ(number_of("00000000021b26dc", true), 0x21b26dcu);
	for (const char *text : {"", "-", "0x", "12a", "1.5", "18446744073709551616", " 1"})
		EXPECT_EQ(number_of(text, false), std::nullopt) << text;
	EXPECT_EQ(number_of("0x", true), std::nullopt);
}

} // namespace
} // namespace neuroperf::recording
