// SPDX-License-Identifier: Apache-2.0
#include "recording/event_formats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "recording/records.hpp"
#include "recording/tracing_data.hpp"

namespace neuroperf::recording {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(OwnEvents, EveryFormatParsesAndFitsItsPayload)
{
	std::set<unsigned> ids;
	for (const OwnEventInfo &info : own_events()) {
		const auto format = parse_format_text(kOwnSystem, format_text(info.event, {}));
		ASSERT_TRUE(format.ok()) << info.name;
		EXPECT_EQ(format->name, info.name);
		EXPECT_EQ(format->id, static_cast<unsigned>(info.event));
		EXPECT_LT(format->id, 65536u) << "common_type has 16 bits";
		EXPECT_TRUE(ids.insert(format->id).second) << "ids are never reused";
		uint32_t end = 8;
		for (const EventField &field : format->fields) {
			EXPECT_GE(field.offset, end) << info.name << "." << field.name;
			end = field.offset + field.size;
		}
	}
}

TEST(OwnEvents, PayloadReadsBackByItsFormatText)
{
	const auto format = parse_format_text(kOwnSystem, format_text(OwnEvent::layer_def, {}));
	ASSERT_TRUE(format.ok());
	LayerDefPayload facts{{}, 42, 1, 2, UINT64_MAX, 4, 0, 0};
	TextPayload payload(facts);
	payload.text(offsetof(LayerDefPayload, name), "conv1").text(offsetof(LayerDefPayload, kind), "");
	EXPECT_EQ(read_number(*format->field("layer"), payload.bytes()), 42u);
	EXPECT_EQ(read_number(*format->field("macs"), payload.bytes()), UINT64_MAX);
	EXPECT_EQ(read_text(*format->field("name"), payload.bytes()), "conv1");
	EXPECT_EQ(read_text(*format->field("kind"), payload.bytes()), "");
}

TEST(OwnEvents, TheSpellingThatOtherReadersNeed)
{
	const std::string text = format_text(OwnEvent::layer_def, {});
	EXPECT_THAT(text, HasSubstr("field:__data_loc char [] name;")) << "with the space, for hotspot";
	EXPECT_THAT(text, HasSubstr("signed:1;\n\n\tfield:u32 layer;")) << "an empty line behind the common fields";
	EXPECT_THAT(text, HasSubstr("\n\nprint fmt: \""));
}

TEST(SymbolicNames, StandInThePrintFormatOfTheirFieldOnly)
{
	const std::vector<SymbolicName> names = {{1, "layer", "conv"}, {2, "mark", "loaded"}};
	EXPECT_THAT(format_text(OwnEvent::layer_begin, names),
		    HasSubstr("__print_symbolic(REC->layer, { 1, \"conv\" })"));
	EXPECT_THAT(format_text(OwnEvent::mark, names), HasSubstr("{ 2, \"loaded\" }"));
	EXPECT_THAT(format_text(OwnEvent::counter, names), Not(HasSubstr("symbolic")));
}

TEST(SymbolicNames, CannotLeaveTheirLiteral)
{
	const std::vector<SymbolicName> names = {{1, "layer", "a\"},{\\b\nc\x1b[31m\x7f"}};
	const std::string text = format_text(OwnEvent::layer_begin, names);
	EXPECT_THAT(text, HasSubstr("{ 1, \"a_},{_b_c_[31m_\" })"));
}

TEST(SymbolicNames, AreLeftOutFromTheBackUntilTheSectionFits)
{
	std::vector<SymbolicName> names;
	for (uint32_t i = 1; i <= 5000; i++)
		names.push_back({i, "layer", "layer with a name " + std::to_string(i)});
	const std::string section = own_tracing_data(names, 65000);
	EXPECT_LE(section.size(), 65000u);
	EXPECT_THAT(section, HasSubstr("layer with a name 1\""));
	EXPECT_TRUE(parse_tracing_data(section).ok());
}

} // namespace
} // namespace neuroperf::recording
