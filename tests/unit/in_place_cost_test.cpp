// SPDX-License-Identifier: Apache-2.0
#include "collector/in_place_cost.hpp"

#include <gtest/gtest.h>

using namespace neuroperf::collector;

namespace {

using At = HitClass::At;

// 100 hits of each kind at 200 ns each.
InPlaceCost tried()
{
	InPlaceCost cost;
	cost.set_trial({ProgramTime{100, 20'000}, {100, 20'000}, {100, 20'000}, {100, 20'000}});
	return cost;
}

TEST(InPlaceCost, IsAsUsualUntilHitsHaveTold)
{
	InPlaceCost cost = tried();
	EXPECT_DOUBLE_EQ(cost.of(At::entry), InPlaceCost::kUsual);
	EXPECT_FALSE(cost.told());
	EXPECT_DOUBLE_EQ(cost.reckoned(), InPlaceCost::kUsual);
	cost.set_in_place({ProgramTime{3, 300'000}});
	EXPECT_DOUBLE_EQ(cost.of(At::entry), InPlaceCost::kUsual) << "three hits tell nothing";
	EXPECT_FALSE(cost.told());
}

TEST(InPlaceCost, IsOfEachKindOfHit)
{
	InPlaceCost cost = tried();
	cost.set_in_place({ProgramTime{1000, 260'000}, {}, {}, {3000, 900'000}});
	EXPECT_DOUBLE_EQ(cost.of(At::entry), 1.3 * InPlaceCost::kMargin);
	EXPECT_DOUBLE_EQ(cost.of(At::behind_call), 1.5 * InPlaceCost::kMargin);
	EXPECT_DOUBLE_EQ(*cost.told(), (1.3 * 1000 + 1.5 * 3000) / 4000);
	EXPECT_DOUBLE_EQ(cost.reckoned(), *cost.told() * InPlaceCost::kMargin);
	EXPECT_DOUBLE_EQ(cost.of(At::named_entry), cost.reckoned()) << "not met yet: as the others";
}

TEST(InPlaceCost, StaysWithinWhatHasBeenSeen)
{
	InPlaceCost cost = tried();
	cost.set_in_place({ProgramTime{100, 10'000}, {100, 1'000'000}});
	EXPECT_DOUBLE_EQ(cost.of(At::entry), InPlaceCost::kLeast * InPlaceCost::kMargin);
	EXPECT_DOUBLE_EQ(cost.of(At::named_entry), InPlaceCost::kMost);
}

TEST(InPlaceCost, WithoutATrialIsAsUsual)
{
	InPlaceCost cost;
	cost.set_in_place({ProgramTime{1000, 260'000}});
	EXPECT_DOUBLE_EQ(cost.of(At::entry), InPlaceCost::kUsual);
	EXPECT_FALSE(cost.told());
}

} // namespace
