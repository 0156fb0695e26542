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

TEST(InPlaceCost, HitsCostAsManyTimesAsMuchButForTheSingleStep)
{
	InPlaceCost cost = tried();
	ProbeCosts trial;
	trial.hits[index_of({At::entry, ProbeCost::emulated})] = HitCost{400, 200};
	trial.hits[index_of({At::entry, ProbeCost::agent})] = HitCost{20, 10};
	trial.hits[index_of({At::behind_call, ProbeCost::emulated})] = HitCost{300, 200};
	trial.hits[index_of({At::behind_call, ProbeCost::stepped})] = HitCost{500, 9000};
	trial.hits[index_of({At::behind_call, ProbeCost::call})] = HitCost{100, 60};
	trial.hits[index_of({At::named_entry, ProbeCost::call})] = HitCost{100, 100};
	const auto in_place = [&](At at, ProbeCost how) {
		const auto found = cost.costs(trial).of({at, how});
		return found ? std::pair{found->before_ns, found->after_ns} : std::pair<uint64_t, uint64_t>{};
	};
	using Parts = std::pair<uint64_t, uint64_t>;
	EXPECT_EQ(in_place(At::entry, ProbeCost::emulated), Parts(400, 200)) << "nothing has told yet";
	cost.set_in_place({ProgramTime{1000, 250'000}, {}, {}, {1000, 300'000}});
	EXPECT_EQ(in_place(At::entry, ProbeCost::emulated), Parts(500, 250));
	EXPECT_EQ(in_place(At::behind_call, ProbeCost::emulated), Parts(450, 300));
	EXPECT_EQ(in_place(At::behind_call, ProbeCost::call), Parts(150, 90));
	EXPECT_EQ(in_place(At::behind_call, ProbeCost::stepped), Parts(500 + 150, 9000 + 100));
	EXPECT_EQ(in_place(At::entry, ProbeCost::agent), Parts(20, 10)) << "no BPF program";
	EXPECT_EQ(in_place(At::named_entry, ProbeCost::call), Parts(138, 138)) << "not met: as the others";
	EXPECT_FALSE(cost.costs(trial).of({At::staying_entry, ProbeCost::emulated})) << "not known stays so";
}

} // namespace
