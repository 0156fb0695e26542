// SPDX-License-Identifier: Apache-2.0
#include "collector/own_event_encoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "analyzer/own_events.hpp"
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

TEST_F(Encoder, SwitchesOfThreads)
{
	np_switch out{}, in{}, interrupt{}, long_ago{};
	out = {1'000'000'000, 100, 101, NP_SWITCH_OUT, 0, {}};
	out.out = {1, 202, 261u << 20 | 3, 2, NP_SWITCH_IO_WAIT};
	in = {1'000'000'530, 100, 101, NP_SWITCH_IN, 0, {}};
	in.in = {100, 102, 1'000'000'400, NP_WOKEN_BY_THREAD, 30};
	long_ago = {1'100'000'000, 100, 101, NP_SWITCH_IN, 0, {}};
	long_ago.in = {0, 0, 0, NP_WOKEN_BY_NOBODY_KNOWN, 30'000'000};
	interrupt = {1'000'000'900, 100, 101, NP_INTERRUPTED, 0, {}};
	interrupt.interrupt.begin_ns = 1'000'000'800;
	for (const np_switch &event : {out, in, interrupt, long_ago})
		EXPECT_TRUE(encoder_.encode(event));
	np_switch_with_stack with_stack{};
	with_stack.event = out;
	with_stack.kernel_frames = with_stack.user_frames = 65535; // as told: there cannot be so many
	EXPECT_TRUE(encoder_.encode(with_stack)) << "without the stack: this recording has none";
	for (const unsigned what : {0u, 4u, 65535u}) {
		out.what = static_cast<uint16_t>(what);
		EXPECT_FALSE(encoder_.encode(out)) << what;
	}
	const std::string text = script();
	EXPECT_THAT(text, HasSubstr("1.000000000 100/101 neuroperf:switch_out state=1 system_call=202 device=273678339 "
				    "file_type=2 flags=2"));
	EXPECT_THAT(text, HasSubstr("1.000000500 100/101 neuroperf:switch_in woken_by=1 woken_ns=1000000400 "
				    "waker_pid=100 waker_tid=102 late_ns=0"))
		<< "where it belongs";
	EXPECT_THAT(text,
		    HasSubstr("1.100000000 100/101 neuroperf:switch_in woken_by=0 woken_ns=0 waker_pid=0 waker_tid=0 "
			      "late_ns=30000000"))
		<< "what was then may have been written";
	EXPECT_THAT(text, HasSubstr("1.000000900 100/101 neuroperf:interrupted begin_ns=1000000800"));
	EXPECT_EQ(encoder_.counts().events, 5u);
}

// As much as there may be, as often as the buffer is full; what stands behind is read as well.
TEST(EncoderWithCallChains, SwitchesHaveFrames)
{
	TemporaryFolder folder;
	RecordingBuilder recording(folder.file("a.data"), {.callchain = true});
	OwnEventEncoder encoder(&recording.writer(), true);
	np_switch_with_stack with_stack{};
	with_stack.event = {1'000'000'000, 100, 101, NP_SWITCH_OUT, 0, {}};
	with_stack.event.out.system_call = 7;
	with_stack.kernel_frames = with_stack.user_frames = 65535;
	for (uint64_t i = 0; i < NP_KERNEL_FRAMES; i++)
		with_stack.kernel[i] = 0xffffffff81000000 + i;
	for (uint64_t i = 0; i < NP_USER_FRAMES; i++)
		with_stack.user[i] = 0x400000 + i;
	for (int i = 0; i < 1000; i++)
		EXPECT_TRUE(encoder.encode(with_stack));
	with_stack.kernel_frames = 0;
	with_stack.user_frames = 2;
	EXPECT_TRUE(encoder.encode(with_stack));
	encoder.flush();
	recording.finish();
	const auto reader = recording::PerfDataReader::open(folder.file("a.data"));
	ASSERT_TRUE(reader.ok());
	const analyzer::OwnEvents own(*reader);
	std::vector<std::vector<uint64_t>> chains;
	recording::RecordStream stream = reader->records();
	recording::RecordView view;
	while (stream.next(&view) == recording::RecordStream::Next::record) {
		recording::Sample sample;
		const int event = view.type == PERF_RECORD_SAMPLE ? reader->event_of_sample(view.bytes) : -1;
		if (event >= 0 && own.kind(event) == recording::OwnEvent::switch_out) {
			ASSERT_TRUE(reader->events()[static_cast<std::size_t>(event)].layout.parse_sample(view.bytes,
													  &sample));
			EXPECT_EQ(own.number(event, 1, sample.raw), 7u);
			chains.emplace_back(sample.callchain_length);
			std::memcpy(chains.back().data(), sample.callchain, 8 * sample.callchain_length);
		}
		stream.release(view.block);
	}
	ASSERT_EQ(chains.size(), 1001u);
	ASSERT_EQ(chains[999].size(), 2u + NP_KERNEL_FRAMES + NP_USER_FRAMES);
	EXPECT_EQ(chains[999][0], PERF_CONTEXT_KERNEL);
	EXPECT_EQ(chains[999][NP_KERNEL_FRAMES], 0xffffffff81000000 + NP_KERNEL_FRAMES - 1);
	EXPECT_EQ(chains[999][NP_KERNEL_FRAMES + 1], PERF_CONTEXT_USER);
	EXPECT_EQ(chains[1000], (std::vector<uint64_t>{PERF_CONTEXT_USER, 0x400000, 0x400001}));
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
