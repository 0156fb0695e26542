// SPDX-License-Identifier: Apache-2.0
#include "collector/probe_cost.hpp"

#include <gtest/gtest.h>

#include <set>

namespace neuroperf::collector {
namespace {

using Batches = std::vector<std::vector<TimedHit>>;

// Hits that take so long before and after their events.
std::vector<TimedHit> batch(std::initializer_list<HitCost> costs)
{
	std::vector<TimedHit> hits;
	uint64_t now = 1000;
	for (const HitCost &cost : costs) {
		hits.push_back({now, now + cost.before_ns, now + cost.before_ns + cost.after_ns});
		now += 10'000;
	}
	return hits;
}

TEST(ProbeCost, IsTheMedianOfTheBatchesMeansWithoutTheClock)
{
	const Batches batches = {batch({{620, 200}, {640, 220}}), batch({{600, 190}, {620, 190}}),
				 batch({{620, 210}, {900'000, 210}}), batch({{630, 220}, {630, 800'000}}),
				 batch({{600, 210}, {660, 210}})};
	const auto cost = cost_of(batches, 41);
	ASSERT_TRUE(cost);
	EXPECT_EQ(cost->before_ns, 630u - 21);
	EXPECT_EQ(cost->after_ns, 210u - 20);
	EXPECT_EQ(cost->total_ns(), 609u + 190);
}

TEST(ProbeCost, IsNotKnownFromFewBatchesOrFromTimesThatCannotBe)
{
	const auto good = batch({{600, 200}});
	EXPECT_FALSE(cost_of({}, 40));
	EXPECT_FALSE(cost_of({good, good, good, good}, 40));
	EXPECT_TRUE(cost_of({good, good, good, good, good}, 40));
	const std::vector<TimedHit> backwards = {{1000, 900, 1100}}, later = {{1000, 1200, 1100}}, none;
	EXPECT_FALSE(cost_of({good, good, good, good, backwards, later, none}, 40));
	const auto senseless = batch({{900'000, 200'000}});
	EXPECT_FALSE(cost_of({senseless, senseless, senseless, senseless, senseless}, 40));
}

TEST(ProbeCost, IsNeverLessThanNothing)
{
	const auto quick = batch({{10, 200}});
	const auto cost = cost_of({quick, quick, quick, quick, quick}, 100);
	ASSERT_TRUE(cost);
	EXPECT_EQ(cost->before_ns, 0u);
	EXPECT_EQ(cost->after_ns, 150u);
}

TEST(ProbeCost, ClassesHaveNumbersAndNamesOfTheirOwn)
{
	std::set<std::string> names;
	for (std::size_t i = 0; i < kHitClasses; i++) {
		EXPECT_EQ(index_of(hit_class(i)), i);
		names.emplace(to_string(hit_class(i)));
	}
	EXPECT_EQ(names.size(), kHitClasses);
	EXPECT_EQ(to_string(HitClass{HitClass::At::behind_call, ProbeCost::stepped}), "stepped return");
	EXPECT_EQ(to_string(HitClass{HitClass::At::named_entry, ProbeCost::call}), "call named entry");
}

TEST(ProbeCost, UnknownHasAReason)
{
	const ProbeCosts none;
	EXPECT_FALSE(none.known());
	EXPECT_FALSE(none.why_unknown.empty());
}

} // namespace
} // namespace neuroperf::collector
