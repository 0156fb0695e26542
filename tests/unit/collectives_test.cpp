// SPDX-License-Identifier: Apache-2.0
#include "analyzer/collectives.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

constexpr ThreadId kMain{0}, kOther{1};

TEST(Exchange, PhasesThatSaySoAndMpi)
{
	EXPECT_TRUE(is_exchange("exchange (nrn_spike_exchange)", "phase"));
	EXPECT_TRUE(is_exchange("spikeExchange", "phase"));
	EXPECT_TRUE(is_exchange("gather", "exchange"));
	EXPECT_TRUE(is_exchange("MPI_Allgather", "operator"));
	EXPECT_FALSE(is_exchange("exchange", "conv")) << "a layer of a network may be called anything";
	EXPECT_FALSE(is_exchange("currents", "phase"));
}

TEST(Collectives, OfARegularPairTheOffsetIsExact)
{
	CollectiveEnds a, b;
	for (uint64_t i = 1; i <= 3; i++) {
		a.add(kMain, i * 1000);
		b.add(kMain, i * 1000 + 77);
	}
	const auto found = ClockComparison::make(a, b);
	ASSERT_TRUE(found);
	EXPECT_EQ(found->calls, 3u);
	EXPECT_DOUBLE_EQ(found->offset_ns, 77);
	EXPECT_DOUBLE_EQ(found->error_ns, 0);
	EXPECT_TRUE(found->same_count);
	EXPECT_DOUBLE_EQ(ClockComparison::make(b, a)->offset_ns, -77);
}

TEST(Collectives, AFewLateRanksMoveNeitherOffsetNorError)
{
	CollectiveEnds a, b;
	for (uint64_t i = 1; i <= 100; i++) {
		a.add(kMain, i * 1'000'000);
		b.add(kMain, i * 1'000'000 + 5000 + (i % 20 == 0 ? 900'000 : i % 3 * 10));
	}
	const auto found = ClockComparison::make(a, b);
	EXPECT_DOUBLE_EQ(found->offset_ns, 5010);
	EXPECT_DOUBLE_EQ(found->error_ns, 10);
}

TEST(Collectives, NineOfTenAreWithinTheError)
{
	CollectiveEnds a, b;
	for (uint64_t i = 1; i <= 101; i++) {
		a.add(kMain, i * 1'000'000);
		b.add(kMain, i * 1'000'000 + 1000 + i); // from 1001 to 1101: 50 off at most
	}
	const auto found = ClockComparison::make(a, b);
	EXPECT_DOUBLE_EQ(found->offset_ns, 1051);
	EXPECT_DOUBLE_EQ(found->error_ns, 45);
}

TEST(Collectives, EndsThatNobodySawAreLeftOutAndCounted)
{
	CollectiveEnds a, b;
	for (uint64_t i = 1; i <= 5; i++) {
		a.add(kMain, i == 1 ? 0 : i * 1000);
		b.add(kMain, i == 2 ? 0 : i * 1000 + 5);
	}
	EXPECT_EQ(ClockComparison::make(a, b)->calls, 3u);
	EXPECT_DOUBLE_EQ(ClockComparison::make(a, b)->offset_ns, 5);
	CollectiveEnds few;
	few.add(kMain, 1000);
	few.add(kMain, 2000);
	EXPECT_FALSE(ClockComparison::make(a, few));
	EXPECT_FALSE(ClockComparison::make(CollectiveEnds(), CollectiveEnds()));
}

TEST(Collectives, OnlyOneThreadCounts)
{
	CollectiveEnds a;
	a.add(kMain, 1);
	a.add(kOther, 2);
	a.add(kMain, 3);
	EXPECT_EQ(a.count(), 2u);
}

TEST(Collectives, OfALongRunEverySoManyth)
{
	CollectiveEnds a, b;
	constexpr uint64_t kCalls = 10 * CollectiveEnds::kMost;
	for (uint64_t i = 0; i < kCalls; i++) {
		a.add(kMain, 1'000'000 + i * i); // no two differences are alike: a wrong pair would show
		if (i < kCalls / 3)
			b.add(kMain, 1'000'000 + i * i + 42);
	}
	EXPECT_EQ(a.count(), kCalls);
	const auto found = ClockComparison::make(a, b);
	EXPECT_GT(found->calls, CollectiveEnds::kMost / 8);
	EXPECT_LE(found->calls, CollectiveEnds::kMost);
	EXPECT_DOUBLE_EQ(found->offset_ns, 42);
	EXPECT_DOUBLE_EQ(found->error_ns, 0);
	EXPECT_FALSE(found->same_count);
}

} // namespace
} // namespace neuroperf::analyzer
