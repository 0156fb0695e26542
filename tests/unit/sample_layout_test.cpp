// SPDX-License-Identifier: Apache-2.0
#include "recording/sample_layout.hpp"

#include <gtest/gtest.h>

#include "recording/bytes.hpp"
#include "tests/support/layout_of.hpp"

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
	const SampleLayout layout = layout_of(type, read_format, true);
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
	EXPECT_EQ(layout_of(PERF_SAMPLE_TIME, 0, false).time_of_sample(record), 123u);
	EXPECT_EQ(layout_of(PERF_SAMPLE_TIME | PERF_SAMPLE_IP, 0, false).time_of_sample(record), 0u) << "too short";
	EXPECT_EQ(layout_of(PERF_SAMPLE_IP, 0, false).time_of_sample(record), 0u) << "has none";
	EXPECT_EQ(SampleLayout().time_of_other(record), 0u);
}

TEST(SampleLayout, HugeCountsFail)
{
	Sample sample;
	const std::string chain = sample_record(ByteWriter().put<uint64_t>(UINT64_MAX / 8 + 2).put<uint64_t>(0).take());
	EXPECT_FALSE(layout_of(PERF_SAMPLE_CALLCHAIN, 0, false).parse_sample(chain, &sample));
	const std::string group =
		sample_record(ByteWriter().put<uint64_t>(UINT64_MAX / 24 + 1).put<uint64_t>(0).take());
	EXPECT_FALSE(layout_of(PERF_SAMPLE_READ, PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_LOST, false)
			     .parse_sample(group, &sample));
	const std::string raw = sample_record(ByteWriter().put<uint32_t>(UINT32_MAX).put<uint32_t>(0).take());
	EXPECT_FALSE(layout_of(PERF_SAMPLE_RAW, 0, false).parse_sample(raw, &sample));
}

TEST(SampleLayout, NoTrailerWithoutSampleIdAll)
{
	RecordIdentity identity;
	const std::string record = sample_record(std::string(64, '\1'));
	EXPECT_FALSE(layout_of(PERF_SAMPLE_TIME, 0, false).parse_trailer(record, &identity));
	EXPECT_FALSE(
		layout_of(PERF_SAMPLE_TIME | PERF_SAMPLE_TID, 0, true).parse_trailer(record.substr(0, 16), &identity));
	EXPECT_EQ(layout_of(PERF_SAMPLE_TIME | PERF_SAMPLE_TID, 0, true).trailer_size(), 16u);
}

TEST(SampleLayout, StateForUnwindingBehindBranches)
{
	perf_event_attr attr = {};
	attr.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK | PERF_SAMPLE_REGS_USER |
			   PERF_SAMPLE_STACK_USER | PERF_SAMPLE_WEIGHT;
	attr.branch_sample_type = PERF_SAMPLE_BRANCH_HW_INDEX;
	attr.sample_regs_user = 0b1011;
	const SampleLayout layout(attr);
	ByteWriter body;
	body.put<uint64_t>(5).put<uint64_t>(1).put<uint64_t>(0).put_bytes(std::string(24, 'b'));
	body.put<uint64_t>(PERF_SAMPLE_REGS_ABI_64).put<uint64_t>(1).put<uint64_t>(2).put<uint64_t>(3);
	body.put<uint64_t>(16).put_bytes("0123456789abcdef").put<uint64_t>(9); // 9 of the 16 bytes hold stack
	const std::string record = sample_record(body.bytes());
	Sample sample;
	const std::string with_more = record + "weight..";
	ASSERT_TRUE(layout.parse_sample(with_more, &sample));
	EXPECT_EQ(sample.user_abi, static_cast<uint64_t>(PERF_SAMPLE_REGS_ABI_64));
	EXPECT_EQ(load<uint64_t>(sample.user_registers + 16), 3u);
	EXPECT_EQ(sample.user_stack, "012345678");
	for (std::size_t size = 8; size < record.size(); size++)
		EXPECT_FALSE(layout.parse_sample(std::string_view(record).substr(0, size), &sample)) << size;
}

TEST(SampleLayout, KernelThreadsHaveNoRegistersAndNoStack)
{
	perf_event_attr attr = {};
	attr.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
	attr.sample_regs_user = 0xff;
	const std::string record = sample_record(ByteWriter().put<uint64_t>(0).put<uint64_t>(0).bytes());
	Sample sample;
	ASSERT_TRUE(SampleLayout(attr).parse_sample(record, &sample));
	EXPECT_EQ(sample.user_registers, nullptr);
	EXPECT_TRUE(sample.user_stack.empty());
}

TEST(SampleLayout, CountersOfAGroupAndOfOne)
{
	ByteWriter group, alone;
	group.put<uint64_t>(2).put<uint64_t>(100).put<uint64_t>(10).put<uint64_t>(1).put<uint64_t>(20).put<uint64_t>(2);
	const std::string of_group = sample_record(group.bytes());
	Sample sample;
	ASSERT_TRUE(
		layout_of(PERF_SAMPLE_READ, PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED, true)
			.parse_sample(of_group, &sample));
	ASSERT_EQ(sample.count_length, 2u);
	EXPECT_EQ(sample.count(1).value, 20u);
	EXPECT_EQ(sample.count(1).id, 2u);
	alone.put<uint64_t>(10).put<uint64_t>(100).put<uint64_t>(7);
	const std::string of_one = sample_record(alone.bytes());
	ASSERT_TRUE(layout_of(PERF_SAMPLE_READ, PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED, true)
			    .parse_sample(of_one, &sample));
	ASSERT_EQ(sample.count_length, 1u);
	EXPECT_EQ(sample.count(0).value, 10u);
	EXPECT_EQ(sample.count(0).id, 7u);
}

TEST(SampleLayout, BothTimesBesideTheCounters)
{
	const uint64_t format = PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	ByteWriter group, alone;
	group.put<uint64_t>(2).put<uint64_t>(100).put<uint64_t>(40); // members, enabled, running
	group.put<uint64_t>(10).put<uint64_t>(1).put<uint64_t>(20).put<uint64_t>(2);
	const std::string of_group = sample_record(group.bytes());
	Sample sample;
	ASSERT_TRUE(layout_of(PERF_SAMPLE_READ, PERF_FORMAT_GROUP | format, true).parse_sample(of_group, &sample));
	ASSERT_EQ(sample.count_length, 2u);
	EXPECT_EQ(sample.count(0).value, 10u);
	EXPECT_EQ(sample.count(1).id, 2u);
	alone.put<uint64_t>(10).put<uint64_t>(100).put<uint64_t>(40).put<uint64_t>(7);
	const std::string of_one = sample_record(alone.bytes());
	ASSERT_TRUE(layout_of(PERF_SAMPLE_READ, format, true).parse_sample(of_one, &sample));
	EXPECT_EQ(sample.count(0).value, 10u);
	EXPECT_EQ(sample.count(0).id, 7u);
	for (std::size_t size = 8; size < of_group.size(); size++)
		EXPECT_FALSE(layout_of(PERF_SAMPLE_READ, PERF_FORMAT_GROUP | format, true)
				     .parse_sample(std::string_view(of_group).substr(0, size), &sample))
			<< size;
}

TEST(SampleLayout, WhereTheIdOfTheEventStands)
{
	const SampleLayout by_id =
		layout_of(PERF_SAMPLE_IP | PERF_SAMPLE_ID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU, 0, true);
	EXPECT_EQ(by_id.id_in_sample(), 24u);
	EXPECT_EQ(by_id.id_from_end(), 16u);
	const SampleLayout by_identifier = layout_of(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_ID | PERF_SAMPLE_IP, 0, true);
	EXPECT_EQ(by_identifier.id_in_sample(), 8u);
	EXPECT_EQ(by_identifier.id_from_end(), 8u);
	EXPECT_EQ(layout_of(PERF_SAMPLE_IP, 0, true).id_in_sample(), 0u);
}

} // namespace
} // namespace neuroperf::recording
