// SPDX-License-Identifier: Apache-2.0
#include "recording/tracing_data.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recording/bytes.hpp"

namespace neuroperf::recording {
namespace {

using testing::HasSubstr;

const std::string kSwitchText = "name: sched_switch\nID: 316\nformat:\n"
				"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
				"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
				"\tfield:unsigned char common_preempt_lazy_count;\toffset:8;\tsize:1;\tsigned:0;\n"
				"\n"
				"\tfield:char prev_comm[16];\toffset:12;\tsize:16;\tsigned:0;\n"
				"\tfield:pid_t prev_pid;\toffset:28;\tsize:4;\tsigned:1;\n"
				"\tfield:unsigned long args[6];\toffset:32;\tsize:48;\tsigned:0;\n"
				"\tfield:const char * where;\toffset:80;\tsize:8;\tsigned:0;\n"
				"\nprint fmt: \"field: %d\", REC->prev_pid\n";

EventFormat parsed(const std::string &text)
{
	auto format = parse_format_text("sched", text);
	EXPECT_TRUE(format.ok());
	return format.ok() ? *format : EventFormat{};
}

std::string one_field(const std::string &declaration)
{
	return "name: a\nID: 1\nformat:\n\tfield:" + declaration + ";\toffset:8;\tsize:4;\tsigned:0;\n";
}

TEST(FormatText, FieldsWithoutTheCommonOnesAlsoUnderPreemptRt)
{
	const EventFormat format = parsed(kSwitchText);
	EXPECT_EQ(format.system, "sched");
	EXPECT_EQ(format.name, "sched_switch");
	EXPECT_EQ(format.id, 316u);
	ASSERT_EQ(format.fields.size(), 4u);
	EXPECT_EQ(format.fields[0].name, "prev_comm");
	EXPECT_TRUE(format.fields[0].is_text);
	EXPECT_EQ(format.fields[0].offset, 12u) << "the fields of the event stand where the text says, not at 8";
	EXPECT_EQ(format.field("prev_pid")->type, "pid_t");
	EXPECT_TRUE(format.field("prev_pid")->is_signed);
	EXPECT_FALSE(format.field("args")->is_text);
	EXPECT_EQ(format.field("args")->type, "unsigned long[6]");
	EXPECT_EQ(format.field("where")->type, "const char *");
	EXPECT_EQ(format.field("nowhere"), nullptr);
}

TEST(FormatText, BothSpellingsOfDataLocation)
{
	for (const char *spelling : {"__data_loc char[] name", "__data_loc char [] name"}) {
		const EventFormat format = parsed(one_field(spelling));
		ASSERT_EQ(format.fields.size(), 1u) << spelling;
		EXPECT_EQ(format.fields[0].name, "name") << spelling;
		EXPECT_TRUE(format.fields[0].is_data_loc) << spelling;
		EXPECT_TRUE(format.fields[0].is_text) << spelling;
	}
}

TEST(FormatText, RefusesWhatHasNoNameIdOrPlace)
{
	EXPECT_FALSE(parse_format_text("s", "").ok());
	EXPECT_FALSE(parse_format_text("s", "name: a\n").ok());
	EXPECT_FALSE(parse_format_text("s", "ID: 4\n").ok());
	EXPECT_FALSE(parse_format_text("s", "name: a\nID: 4294967296\n").ok()) << "does not fit";
	EXPECT_FALSE(parse_format_text("s", "name: a\nID: 1\n\tfield:int a;\tsize:4;\n").ok());
	EXPECT_FALSE(parse_format_text("s", "name: a\nID: 1\n\tfield:;\toffset:0;\tsize:4;\n").ok());
	EXPECT_FALSE(parse_format_text("s", "name: a\nID: 1\n\tfield:int a;\toffset:-1;\tsize:4;\n").ok());
}

TEST(FieldValues, NumbersOfAllWidthsAndSigns)
{
	const std::string payload = "\xff\xfe\xff\xff\xff\xff\xff\xff\xff";
	EXPECT_EQ(read_number({"", "", 0, 1, false, false, false}, payload), 255u);
	EXPECT_EQ(read_number({"", "", 0, 1, true, false, false}, payload), UINT64_MAX);
	EXPECT_EQ(read_number({"", "", 1, 2, true, false, false}, payload), static_cast<uint64_t>(-2));
	EXPECT_EQ(read_number({"", "", 1, 4, false, false, false}, payload), 0xfffffffeu);
	EXPECT_EQ(read_number({"", "", 1, 8, false, false, false}, payload), UINT64_MAX - 1);
	EXPECT_EQ(read_number({"", "", 0, 3, false, false, false}, payload), 0u) << "no number has three bytes";
	EXPECT_EQ(read_number({"", "", 2, 8, false, false, false}, payload), 0u) << "beyond the end";
	EXPECT_EQ(read_number({"", "", UINT32_MAX, UINT32_MAX, false, false, false}, payload), 0u);
}

TEST(FieldValues, TextsInPlaceAndByLocation)
{
	ByteWriter payload;
	payload.put<uint32_t>(6u << 16 | 8).put<uint32_t>(0).put_text("dense").put_bytes("xy");
	const EventField by_location{"name", "__data_loc char []", 0, 4, false, true, true};
	EXPECT_EQ(read_text(by_location, payload.bytes()), "dense");
	const EventField in_place{"name", "char[8]", 8, 8, false, false, true};
	EXPECT_EQ(read_text(in_place, payload.bytes()), "dense");
	const EventField outside{"name", "char[8]", 9, 8, false, false, true};
	EXPECT_EQ(read_text(outside, payload.bytes()), "");
	const std::string wild = ByteWriter().put<uint32_t>(0xffffffff).take();
	EXPECT_EQ(read_text(by_location, wild), "") << "points outside of the payload";
}

TEST(TracingData, RoundTrip)
{
	const auto systems =
		parse_tracing_data(build_tracing_data({{"sched", {kSwitchText, "b"}}, {"neuroperf", {"c"}}}));
	ASSERT_TRUE(systems.ok());
	ASSERT_EQ(systems->size(), 3u) << "ftrace is always there";
	EXPECT_EQ((*systems)[0].name, "ftrace");
	EXPECT_EQ((*systems)[1].formats, (std::vector<std::string>{kSwitchText, "b"}));
	EXPECT_EQ((*systems)[2].name, "neuroperf");
}

TEST(TracingData, CutAnywhereIsAnErrorNotACrash)
{
	const std::string whole = build_tracing_data({{"neuroperf", {kSwitchText}}});
	const std::size_t behind_formats = whole.size() - 16; // kallsyms, printk, command lines: not read
	for (std::size_t size = 0; size < behind_formats; size++)
		EXPECT_FALSE(parse_tracing_data(std::string_view(whole).substr(0, size)).ok()) << size;
	EXPECT_TRUE(parse_tracing_data(std::string_view(whole).substr(0, behind_formats)).ok());
}

TEST(TracingData, HugeCountsAreNotBelieved)
{
	std::string section = build_tracing_data({});
	const std::size_t systems_at = section.size() - 16 - 4;
	for (const std::size_t at : {systems_at, systems_at - 4}) { // number of systems, of ftrace events
		std::string wrong = section;
		wrong.replace(at, 4, "\xff\xff\xff\xff", 4);
		EXPECT_FALSE(parse_tracing_data(wrong).ok());
	}
}

TEST(TracingData, OtherByteOrderIsNamed)
{
	std::string section = build_tracing_data({});
	section[10 + 4] = 1; // behind magic and version
	const auto systems = parse_tracing_data(section);
	ASSERT_FALSE(systems.ok());
	EXPECT_THAT(systems.error().what, HasSubstr("big endian"));
}

TEST(ArrayFields, OfNumbersAreReadElementByElement)
{
	const auto format =
		parse_format_text("raw_syscalls", "name: sys_enter\nID: 7\nformat:\n"
						  "\tfield:unsigned long args[3];\toffset:8;\tsize:24;\tsigned:0;\n"
						  "\tfield:char comm[16];\toffset:32;\tsize:16;\tsigned:0;\n"
						  "\tfield:u8 odd[5];\toffset:48;\tsize:7;\tsigned:0;\n"
						  "\tfield:__data_loc u32[] more;\toffset:56;\tsize:4;\tsigned:0;\n");
	ASSERT_TRUE(format.ok());
	const EventField &args = *format->field("args");
	ASSERT_EQ(array_length(args), 3u);
	const std::string payload =
		ByteWriter().put<uint64_t>(0).put<uint64_t>(5).put<uint64_t>(6).put<uint64_t>(7).take();
	EXPECT_EQ(read_number(array_element(args, 0), payload), 5u);
	EXPECT_EQ(read_number(array_element(args, 2), payload), 7u);
	for (const char *other : {"comm", "odd", "more"})
		EXPECT_EQ(array_length(*format->field(other)), 0u) << other;
}

} // namespace
} // namespace neuroperf::recording
