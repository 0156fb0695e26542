// SPDX-License-Identifier: Apache-2.0
#include "recording/wait_rules.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "recording/built_in_waits.hpp"
#include "tests/support/fits_schema.hpp"

namespace neuroperf::recording {
namespace {

using nlohmann::json;

constexpr const char *kRules = R"({
  "schema": "neuroperf.waits/1", "title": "some",
  "files": {"first_argument": ["read", "ioctl"], "polled": ["poll"], "selected": ["select"]},
  "rules": [
    {"waits_for": "fault", "system_calls": ["none"], "io_wait": true},
    {"waits_for": "sleep", "system_calls": ["nanosleep"]},
    {"waits_for": "io", "file": ["character device"], "device_majors": [5]},
    {"waits_for": "device", "file": ["character device"]},
    {"waits_for": "others", "file": ["socket", "fifo"], "woken_by": ["thread"]}
  ]
})";

WaitRules rules(const std::string &text = kRules, std::string_view machine = "x86_64")
{
	auto parsed = WaitRules::parse(text, "rules.json", machine);
	EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().what);
	return parsed.ok() ? *parsed : WaitRules();
}

Wait wait(int32_t call, uint16_t file = 0, WokenBy by = WokenBy::unknown, uint32_t major = 0, bool io_wait = false)
{
	return {call, io_wait, file, major, by};
}

TEST(WaitRules, TheFirstOfWhichEverythingHoldsCounts)
{
	const WaitRules some = rules();
	EXPECT_EQ(some.waits_for(wait(35)), WaitsFor::sleep);
	EXPECT_EQ(some.waits_for(wait(36)), WaitsFor::unknown);
	EXPECT_EQ(some.waits_for(wait(kNoSystemCall, 0, WokenBy::unknown, 0, true)), WaitsFor::fault);
	EXPECT_EQ(some.waits_for(wait(kNoSystemCall)), WaitsFor::unknown);
	EXPECT_EQ(some.waits_for(wait(16, kCharacterDevice, WokenBy::unknown, 5)), WaitsFor::io);
	EXPECT_EQ(some.waits_for(wait(16, kCharacterDevice, WokenBy::unknown, 261)), WaitsFor::device);
	EXPECT_EQ(some.waits_for(wait(0, kSocket, WokenBy::thread)), WaitsFor::others);
	EXPECT_EQ(some.waits_for(wait(0, kSocket, WokenBy::interrupt)), WaitsFor::unknown);
	EXPECT_EQ(some.waits_for(wait(0, kRegularFile, WokenBy::thread)), WaitsFor::unknown);
}

TEST(WaitRules, NumbersAreThoseOfTheMachine)
{
	EXPECT_EQ(rules().file_argument(16), FileArgument::first);
	EXPECT_EQ(rules().file_argument(7), FileArgument::polled);
	EXPECT_EQ(rules().file_argument(23), FileArgument::selected);
	const WaitRules arm = rules(kRules, "aarch64");
	EXPECT_EQ(arm.file_argument(29), FileArgument::first) << "ioctl";
	EXPECT_EQ(arm.file_argument(16), FileArgument::none);
	EXPECT_EQ(arm.waits_for(wait(101)), WaitsFor::sleep);
	EXPECT_EQ(rules(kRules, "riscv64").waits_for(wait(35)), WaitsFor::unknown) << "nobody knows its numbers";
}

TEST(WaitRules, MadeUpNumbersHoldForNothing)
{
	const WaitRules some = rules();
	for (const int32_t call : {-2, INT32_MIN, 511, 512, 513, INT32_MAX})
		EXPECT_EQ(some.waits_for(wait(call)), WaitsFor::unknown) << call;
	EXPECT_EQ(some.waits_for(wait(0, 16)), WaitsFor::unknown);
	EXPECT_EQ(some.waits_for(wait(0, 65535, WokenBy::thread)), WaitsFor::unknown);
}

TEST(WaitRules, MistakesAreRefusedHereAndByTheSchema)
{
	const std::pair<std::string, std::string> changes[] = {
		{"waits/1", "waits/2"},
		{"\"waits_for\": \"fault\"", "\"waits_for\": \"a miracle\""},
		{"\"io_wait\": true", "\"io_wait\": 1"},
		{"\"socket\"", "\"plug\""},
		{"[5]", "[\"5\"]"},
		{"[5]", "[4096]"},
		{"[5]", "[]"},
		{"[\"thread\"]", "[\"nobody\"]"},
		{"\"polled\"", "\"pulled\""},
		{"\"title\": \"some\"", "\"titel\": \"some\""},
	};
	EXPECT_TRUE(test::fits_schema(json::parse(kRules), "waits-1"));
	for (const auto &[from, to] : changes) {
		std::string text = kRules;
		text.replace(text.find(from), from.size(), to);
		const auto parsed = WaitRules::parse(text, "rules.json", "x86_64");
		EXPECT_FALSE(parsed.ok()) << to;
		EXPECT_FALSE(test::fits_schema(json::parse(text), "waits-1")) << to;
		if (parsed.ok())
			continue;
		EXPECT_NE(parsed.error().what.find("rules.json"), std::string::npos) << parsed.error().what;
	}
	EXPECT_FALSE(WaitRules::parse("[", "rules.json", "x86_64").ok());
}

TEST(WaitRules, TheBuiltInOnesKnowTheirSystemCalls)
{
	for (const BuiltInFile &file : built_in_wait_files())
		EXPECT_TRUE(test::fits_schema(json::parse(file.text), "waits-1")) << file.name;
	const WaitRules x86 = WaitRules::built_in("x86_64"), arm = WaitRules::built_in("aarch64");
	EXPECT_EQ(x86.waits_for(wait(202, 0, WokenBy::thread)), WaitsFor::others) << "futex";
	EXPECT_EQ(x86.waits_for(wait(202, 0, WokenBy::interrupt)), WaitsFor::sleep) << "its time was over";
	EXPECT_EQ(arm.waits_for(wait(98, 0, WokenBy::thread)), WaitsFor::others);
	EXPECT_EQ(x86.waits_for(wait(7, kNoFileAwaited)), WaitsFor::sleep);
	EXPECT_EQ(x86.waits_for(wait(16, kCharacterDevice, WokenBy::interrupt, 261)), WaitsFor::device);
	EXPECT_EQ(x86.waits_for(wait(0, kCharacterDevice, WokenBy::thread, 136)), WaitsFor::io) << "a terminal";
	EXPECT_EQ(x86.waits_for(wait(232, 0, WokenBy::interrupt)), WaitsFor::io) << "epoll_wait";
	EXPECT_EQ(x86.waits_for(wait(kNoSystemCall, 0, WokenBy::unknown, 0, true)), WaitsFor::fault);
	EXPECT_EQ(x86.waits_for(wait(0, kRegularFile, WokenBy::interrupt, 0, true)), WaitsFor::io);
}

} // namespace
} // namespace neuroperf::recording
