// SPDX-License-Identifier: Apache-2.0
#include "analyzer/time_order.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using test::RecordingBuilder;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

class TimeOrder : public testing::Test, protected RecordVisitor {
protected:
	void visit(const OrderedRecord &record) override
	{
		if (record.type == PERF_RECORD_SAMPLE && record.event != 0)
			return; // the "finished" of the builder
		times_.push_back(record.time_ns);
		types_.push_back(record.type);
	}
	StreamCounts run(OrderOptions limits = {})
	{
		auto reader = recording::PerfDataReader::open(path_);
		EXPECT_TRUE(reader.ok());
		return visit_in_time_order(*reader, this, limits);
	}
	RecordingBuilder &sample(uint64_t time_ns) { return recording_.sample(100, 100, time_ns, 0x1000); }

	TemporaryFolder folder_;
	std::string path_ = folder_.file("a.data");
	RecordingBuilder recording_{path_};
	std::vector<uint64_t> times_;
	std::vector<uint32_t> types_;
};

TEST_F(TimeOrder, SortsWithinAndAcrossNeighbouringRounds)
{
	sample(30), sample(40), sample(10), sample(20);
	recording_.round();
	sample(60), sample(35), sample(50); // 35: one round late, as the format allows
	recording_.round();
	sample(70);
	recording_.finish();
	const StreamCounts counts = run();
	EXPECT_THAT(times_, ElementsAre(10, 20, 30, 35, 40, 50, 60, 70));
	EXPECT_EQ(counts.late, 0u);
	EXPECT_EQ(counts.last_ns, 70u);
}

TEST_F(TimeOrder, WhatIsTwoRoundsLateIsCountedAndStillPassedOn)
{
	sample(100);
	recording_.round();
	sample(200);
	recording_.round();
	sample(300);
	recording_.round();
	sample(50);
	recording_.finish();
	const StreamCounts counts = run();
	EXPECT_EQ(times_.size(), 4u);
	EXPECT_THAT(times_, testing::Contains(50));
	EXPECT_EQ(counts.late, 1u);
}

TEST_F(TimeOrder, EqualTimesKeepTheirOrderInTheFile)
{
	for (uint32_t i = 0; i < 50; i++) {
		recording_.comm(100, 100, 500, "name");
		sample(500);
	}
	sample(400);
	recording_.finish();
	run();
	ASSERT_EQ(types_.size(), 101u);
	for (std::size_t i = 1; i < types_.size(); i++)
		ASSERT_EQ(types_[i], i % 2 ? PERF_RECORD_COMM : PERF_RECORD_SAMPLE) << i;
}

TEST_F(TimeOrder, ManyRunsOfManyRings)
{
	std::mt19937_64 random(1);
	for (int round = 0; round < 10; round++) {
		for (int ring = 0; ring < 100; ring++) {
			uint64_t time = 1'000'000 * static_cast<uint64_t>(round) + 1 + random() % 1000;
			for (int i = 0; i < 20; i++)
				sample(time += random() % 40'000);
		}
		recording_.round();
	}
	recording_.finish();
	const StreamCounts counts = run();
	EXPECT_EQ(times_.size(), 20'000u);
	EXPECT_TRUE(std::is_sorted(times_.begin(), times_.end()));
	EXPECT_EQ(counts.late, 0u);
}

TEST_F(TimeOrder, WithoutRoundsMemoryIsBoundedAndLatenessCounted)
{
	for (uint64_t time = 100'000; time > 0; time--) // backwards: the worst
		sample(time);
	recording_.commit();
	const StreamCounts counts = run({1000, 1 << 30});
	EXPECT_EQ(times_.size(), 100'000u) << "nothing is left out";
	EXPECT_GT(counts.late, 90'000u);
}

TEST_F(TimeOrder, AGiantRoundThatIsSortedCostsNothing)
{
	for (uint64_t time = 1; time <= 100'000; time++)
		sample(time);
	recording_.finish();
	const StreamCounts counts = run({1000, 1 << 20});
	EXPECT_EQ(counts.late, 0u);
	EXPECT_TRUE(std::is_sorted(times_.begin(), times_.end()));
}

TEST_F(TimeOrder, ABoundOnBytesAlsoHoldsWithFewLargeRecords)
{
	for (uint64_t time = 1; time <= 300; time++)
		recording_.other(PERF_RECORD_COMM, 0, std::string(60'000, 'x'), 1, 1, time);
	recording_.finish();
	run({1'000'000, 2 << 20});
	EXPECT_EQ(times_.size(), 300u);
	EXPECT_TRUE(std::is_sorted(times_.begin(), times_.end()));
}

TEST_F(TimeOrder, RecordsWithoutATimeComeWhereTheyStand)
{
	sample(100);
	recording_.round().round();
	recording_.comm(1, 1, 0, "no time");
	sample(200);
	recording_.finish();
	const StreamCounts counts = run();
	EXPECT_THAT(times_, ElementsAre(100, 0, 200));
	EXPECT_EQ(counts.late, 0u);
	EXPECT_EQ(counts.first_ns, 100u);
}

TEST_F(TimeOrder, AMadeUpTimeInTheFutureHarmsOnlyTheOrder)
{
	sample(UINT64_MAX);
	recording_.round();
	sample(10);
	recording_.round().round();
	sample(20), sample(30);
	recording_.finish();
	const StreamCounts counts = run();
	EXPECT_EQ(times_.size(), 4u);
	EXPECT_GT(counts.late, 0u);
}

TEST_F(TimeOrder, CountsWhatItDoesNotPassOn)
{
	recording_.raw(recording::record_with_trailer(PERF_RECORD_SAMPLE, 0, std::string(48, '\x55'), 0, {}));
	for (uint32_t type = 100; type < 1100; type++)
		recording_.raw(recording::record_with_trailer(type, 0, "", 0, {}));
	recording_.raw(std::string(16, '\0'));
	sample(1);
	recording_.finish();
	const StreamCounts counts = run();
	EXPECT_EQ(counts.unknown_event, 1u);
	uint64_t skipped = 0;
	for (const auto &[type, count] : counts.skipped)
		skipped += count;
	EXPECT_EQ(skipped, 1000u);
	EXPECT_LE(counts.skipped.size(), kMaxSkippedTypes + 1);
	EXPECT_EQ(counts.skipped.at(100), 1u);
	EXPECT_THAT(counts.problem, HasSubstr("damaged at byte"));
	EXPECT_TRUE(times_.empty()) << "what stands behind the damage is not read";
}

} // namespace
} // namespace neuroperf::analyzer
