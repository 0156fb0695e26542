// SPDX-License-Identifier: Apache-2.0
#include "recording/sample_layout.hpp"

#include <gtest/gtest.h>

#include "recording/bytes.hpp"

namespace neuroperf::recording {
namespace {

std::string sample_record(std::string_view body)
{
	ByteWriter record;
	record.put(
		perf_event_header{PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, static_cast<uint16_t>(8 + body.size())});
	return record.put_bytes(body).take();
}

TEST(SampleLayout, EveryFieldInItsPlace)
{
	const uint64_t type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			      PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU |
			      PERF_SAMPLE_PERIOD | PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW;
	const uint64_t read_format =
		PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_LOST | PERF_FORMAT_TOTAL_TIME_ENABLED;
	ByteWriter body;
	body.put<uint64_t>(1).put<uint64_t>(0x1000).put<uint32_t>(3).put<uint32_t>(4).put<uint64_t>(5);
	body.put<uint64_t>(6).put<uint64_t>(7).put<uint64_t>(8).put<uint32_t>(9).put<uint32_t>(0).put<uint64_t>(10);
	body.put<uint64_t>(2).put<uint64_t>(0);                      // group of two, time enabled
	body.put_bytes(std::string(2 * 3 * 8, 'v'));                 // value, id, lost each
	body.put<uint64_t>(2).put<uint64_t>(0xa).put<uint64_t>(0xb); // call chain
	body.put<uint32_t>(4).put_bytes("rawx");
	const SampleLayout layout(type, read_format, true);
	const std::string record = sample_record(body.bytes());
	Sample sample;
	ASSERT_TRUE(layout.parse_sample(record, &sample));
	EXPECT_EQ(sample.identity.id, 7u);
	EXPECT_EQ(sample.ip, 0x1000u);
	EXPECT_EQ(sample.identity.pid, 3u);
	EXPECT_EQ(sample.identity.tid, 4u);
	EXPECT_EQ(sample.identity.time_ns, 5u);
	EXPECT_EQ(sample.identity.cpu, 9u);
	EXPECT_EQ(sample.period, 10u);
	ASSERT_EQ(sample.callchain_length, 2u);
	EXPECT_EQ(load<uint64_t>(sample.callchain + 8), 0xbu);
	EXPECT_EQ(sample.raw, "rawx");
	EXPECT_EQ(layout.time_of_sample(record), 5u);
	for (std::size_t size = 8; size < record.size(); size++)
		EXPECT_FALSE(layout.parse_sample(std::string_view(record).substr(0, size), &sample)) << size;
}

TEST(SampleLayout, TimeWithoutOtherFields)
{
	const std::string record = sample_record(ByteWriter().put<uint64_t>(123).take());
	EXPECT_EQ(SampleLayout(PERF_SAMPLE_TIME, 0, false).time_of_sample(record), 123u);
	EXPECT_EQ(SampleLayout(PERF_SAMPLE_TIME | PERF_SAMPLE_IP, 0, false).time_of_sample(record), 0u) << "too short";
	EXPECT_EQ(SampleLayout(PERF_SAMPLE_IP, 0, false).time_of_sample(record), 0u) << "has none";
	EXPECT_EQ(SampleLayout().time_of_other(record), 0u);
}

TEST(SampleLayout, HugeCountsFail)
{
	Sample sample;
	const std::string chain = sample_record(ByteWriter().put<uint64_t>(UINT64_MAX / 8 + 2).put<uint64_t>(0).take());
	EXPECT_FALSE(SampleLayout(PERF_SAMPLE_CALLCHAIN, 0, false).parse_sample(chain, &sample));
	const std::string group =
		sample_record(ByteWriter().put<uint64_t>(UINT64_MAX / 24 + 1).put<uint64_t>(0).take());
	EXPECT_FALSE(SampleLayout(PERF_SAMPLE_READ, PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_LOST, false)
			     .parse_sample(group, &sample));
	const std::string raw = sample_record(ByteWriter().put<uint32_t>(UINT32_MAX).put<uint32_t>(0).take());
	EXPECT_FALSE(SampleLayout(PERF_SAMPLE_RAW, 0, false).parse_sample(raw, &sample));
}

TEST(SampleLayout, NoTrailerWithoutSampleIdAll)
{
	RecordIdentity identity;
	const std::string record = sample_record(std::string(64, '\1'));
	EXPECT_FALSE(SampleLayout(PERF_SAMPLE_TIME, 0, false).parse_trailer(record, &identity));
	EXPECT_FALSE(SampleLayout(PERF_SAMPLE_TIME | PERF_SAMPLE_TID, 0, true)
			     .parse_trailer(record.substr(0, 16), &identity));
	EXPECT_EQ(SampleLayout(PERF_SAMPLE_TIME | PERF_SAMPLE_TID, 0, true).trailer_size(), 16u);
}

} // namespace
} // namespace neuroperf::recording
