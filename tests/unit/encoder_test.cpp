// SPDX-License-Identifier: Apache-2.0
#include "collector/own_event_encoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>

#include "analyzer/record_text.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using test::RecordingBuilder;
using test::TemporaryFolder;
using testing::HasSubstr;

class Encoder : public testing::Test {
protected:
	bool encode(uint16_t type, uint32_t id, uint64_t value)
	{
		return encoder_.encode(np_slot{0, value, id, type, 0}, 100, 101, time_++);
	}
	std::string script()
	{
		encoder_.flush();
		recording_.finish();
		auto reader = recording::PerfDataReader::open(path_);
		EXPECT_TRUE(reader.ok());
		std::string text;
		analyzer::print_records(*reader, false, [&text](std::string_view line) {
			text += line;
			return true;
		});
		return text;
	}

	TemporaryFolder folder_;
	std::string path_ = folder_.file("a.data");
	RecordingBuilder recording_{path_};
	OwnEventEncoder encoder_{&recording_.writer(), false};
	uint64_t time_ = 1'000'000'000;
};

TEST_F(Encoder, EveryKindOfEventArrives)
{
	EXPECT_TRUE(encode(NP_EVENT_LAYER_BEGIN, 1, 0));
	EXPECT_TRUE(encode(NP_EVENT_SPIKES, 1, 17));
	EXPECT_TRUE(encode(NP_EVENT_SYNOPS, 1, 1700));
	EXPECT_TRUE(encode(NP_EVENT_LAYER_END, 1, 0));
	EXPECT_TRUE(encode(NP_EVENT_INFERENCE_BEGIN, 2, 5));
	EXPECT_TRUE(encode(NP_EVENT_INFERENCE_END, 2, 5));
	EXPECT_TRUE(encode(NP_EVENT_COUNTER, 3, std::bit_cast<uint64_t>(-2.75)));
	EXPECT_TRUE(encode(NP_EVENT_MARK, 4, 0));
	const std::string text = script();
	EXPECT_THAT(text, HasSubstr("1.000000000 100/101 neuroperf:layer_begin layer=1"));
	EXPECT_THAT(text, HasSubstr("neuroperf:spikes layer=1 count=17"));
	EXPECT_THAT(text, HasSubstr("neuroperf:synops layer=1 count=1700"));
	EXPECT_THAT(text, HasSubstr("neuroperf:layer_end layer=1"));
	EXPECT_THAT(text, HasSubstr("neuroperf:inference_begin inference=2 sequence=5"));
	EXPECT_THAT(text, HasSubstr("neuroperf:inference_end inference=2 sequence=5"));
	EXPECT_THAT(text, HasSubstr("neuroperf:counter counter=3 value=-2"));
	EXPECT_THAT(text, HasSubstr("neuroperf:mark mark=4"));
	EXPECT_EQ(encoder_.counts().events, 8u);
	EXPECT_EQ(encoder_.counts().layer_calls, 1u);
	EXPECT_EQ(encoder_.counts().spikes, 17u);
}

TEST_F(Encoder, UnknownTypesAreRefused)
{
	for (const unsigned type : {0u, 9u, 100u, 65535u})
		EXPECT_FALSE(encode(static_cast<uint16_t>(type), 1, 1)) << type;
	encoder_.flush();
	EXPECT_EQ(encoder_.counts().events, 0u);
}

TEST_F(Encoder, CountersThatAreNoNumbersBecomeZero)
{
	for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL, 1e300})
		EXPECT_TRUE(encode(NP_EVENT_COUNTER, 3, std::bit_cast<uint64_t>(value)));
	EXPECT_THAT(script(), HasSubstr("value=0"));
}

TEST_F(Encoder, ManyEventsKeepTheirOrder)
{
	for (uint64_t i = 0; i < 50'000; i++) // more than its buffer
		ASSERT_TRUE(encode(NP_EVENT_SPIKES, 1, i));
	const std::string text = script();
	std::size_t at = 0;
	for (uint64_t i = 0; i < 50'000; i += 4'999) {
		at = text.find("count=" + std::to_string(i) + "\n", at);
		ASSERT_NE(at, text.npos) << i;
	}
}

TEST(EventDescriptions, IdsAreUniqueAndCallChainsForAllOrNone)
{
	for (const bool callchain : {false, true}) {
		std::set<uint64_t> ids = {RecordingBuilder::kSamplingId};
		for (const recording::EventDescription &event : own_event_descriptions(callchain)) {
			ASSERT_EQ(event.ids.size(), 1u);
			EXPECT_TRUE(ids.insert(event.ids[0]).second);
			EXPECT_EQ((event.attr.sample_type & PERF_SAMPLE_CALLCHAIN) != 0, callchain);
			EXPECT_TRUE(event.attr.sample_id_all);
		}
	}
}

} // namespace
} // namespace neuroperf::collector
