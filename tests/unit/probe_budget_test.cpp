// SPDX-License-Identifier: Apache-2.0
#include "collector/probe_budget.hpp"

#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

constexpr uint64_t kMs = 1'000'000;

class ProbeBudgetTest : public testing::Test {
protected:
	// Hits cost `load` of a nanosecond in each one that probes are there, on `threads` threads; rounds are 10 ms
	// long.
	static ProbeBudget after(uint64_t ms, double share, double load, unsigned threads = 1)
	{
		ProbeBudget budget(share);
		uint64_t now = 0;
		go_on(&budget, ms, load, &now, threads);
		return budget;
	}
	static void go_on(ProbeBudget *budget, uint64_t ms, double load, uint64_t *now, unsigned threads = 1)
	{
		go_on(budget, ms, load, 0, now, threads);
	}
	// Those that are always there cost `kept` of a nanosecond in each one.
	static void go_on(ProbeBudget *budget, uint64_t ms, double load, double kept, uint64_t *now,
			  unsigned threads = 1)
	{
		if (*now == 0) {
			budget->add_hit(1, true, 1);
			budget->settle(0);
		}
		for (const uint64_t end = *now + ms * kMs; *now < end;) {
			*now += 10 * kMs;
			for (unsigned thread = 1; budget->is_on() && thread <= threads; thread++)
				budget->add_hit(static_cast<uint64_t>(load * 10 * kMs), true, thread);
			if (kept > 0)
				budget->add_hit(static_cast<uint64_t>(kept * 10 * kMs), false, 1);
			budget->settle(*now);
		}
	}
	static double share_on(const ProbeBudget &budget)
	{
		return static_cast<double>(budget.on_ns()) / static_cast<double>(budget.watched_ns());
	}
};

TEST_F(ProbeBudgetTest, CheapProbesStay)
{
	const ProbeBudget budget = after(60'000, 0.02, 0.015);
	EXPECT_TRUE(budget.is_on());
	EXPECT_EQ(budget.times_off(), 0u);
	EXPECT_EQ(budget.on_ns(), 60'000 * kMs);
	EXPECT_EQ(budget.watched_ns(), 60'000 * kMs);
}

TEST_F(ProbeBudgetTest, DearOnesAreThereForAShareOfTheTime)
{
	const ProbeBudget budget = after(60'000, 0.02, 0.5);
	EXPECT_GT(budget.times_off(), 50u) << "in many pieces, not in one";
	EXPECT_NEAR(share_on(budget), 0.04, 0.004) << "half of it is cost";
}

TEST_F(ProbeBudgetTest, EachThreadBringsItsShare)
{
	EXPECT_NEAR(share_on(after(60'000, 0.02, 0.5, 4)), 0.04, 0.004);
}

TEST_F(ProbeBudgetTest, ShortProgramsAreRecordedWhole)
{
	EXPECT_EQ(after(40, 0.02, 0.2).times_off(), 0u);
	EXPECT_EQ(after(100, 0.02, 0.2).times_off(), 1u);
}

TEST_F(ProbeBudgetTest, WhatIsLentAtFirstIsPaidBack)
{
	for (const uint64_t ms : {1000, 3000, 60'000}) {
		const ProbeBudget budget = after(ms, 0.02, 0.5);
		const double spent_ns = static_cast<double>(budget.on_ns()) * 0.5;
		EXPECT_LE(spent_ns, static_cast<double>(ms * kMs) * 0.02 + 5. * kMs) << ms << " and a round";
		EXPECT_GE(spent_ns, static_cast<double>(ProbeBudget::kCreditNs)) << ms;
	}
}

TEST_F(ProbeBudgetTest, ItTellsHowManyHitsAreLeft)
{
	ProbeBudget budget(0.02);
	EXPECT_EQ(budget.hits_left(), 5000u) << "at 2 us";
	for (int i = 0; i < 1000; i++)
		budget.add_hit(4000, true, 1);
	budget.settle(kMs);
	EXPECT_EQ(budget.hits_left(), 1500u) << "6 of 10 ms at 4 us";
	budget.add_hit(7 * kMs, true, 1);
	budget.settle(2 * kMs);
	ASSERT_FALSE(budget.is_on());
	EXPECT_EQ(budget.hits_left(), UINT64_MAX) << "those that go on do not change it";
	EXPECT_EQ(ProbeBudget(1).hits_left(), UINT64_MAX);
}

class SpareProbes : public testing::Test {
protected:
	// In rounds of 10 ms; of those that can be done without as long as they are wanted.
	void go_on(uint64_t ms, double load, double spare)
	{
		for (const uint64_t end = now_ + ms * kMs; now_ < end;) {
			now_ += 10 * kMs;
			if (budget_.is_on())
				budget_.add_hit(static_cast<uint64_t>(load * 10 * kMs), true, 1);
			if (budget_.is_on() && budget_.wants_spare())
				budget_.add_hit(static_cast<uint64_t>(spare * 10 * kMs), true, 1, true);
			budget_.settle(now_);
		}
	}
	void begin(double share)
	{
		budget_ = ProbeBudget(share);
		budget_.add_hit(1, true, 1);
		budget_.settle(now_);
	}

	uint64_t now_ = kMs;
	ProbeBudget budget_ = ProbeBudget(1);
};

TEST_F(SpareProbes, GoFirstWhereThatIsEnough)
{
	begin(0.4);
	go_on(60'000, 0.25, 0.25);
	EXPECT_FALSE(budget_.wants_spare());
	EXPECT_TRUE(budget_.is_on());
	EXPECT_EQ(budget_.times_off(), 0u);
	EXPECT_EQ(budget_.on_ns(), budget_.watched_ns());
}

TEST_F(SpareProbes, StayWhereTheBudgetIsKept)
{
	begin(0.6);
	go_on(60'000, 0.25, 0.25);
	EXPECT_TRUE(budget_.wants_spare());
	EXPECT_EQ(budget_.times_off(), 0u);
}

TEST_F(SpareProbes, StayWhereTheOthersAloneAreTooMuch)
{
	begin(0.2);
	go_on(60'000, 0.25, 0.25);
	EXPECT_TRUE(budget_.wants_spare());
	EXPECT_GT(budget_.times_off(), 50u);
}

TEST_F(SpareProbes, DoNotGoForGoodBecauseOfAMoment)
{
	begin(0.4);
	go_on(20, 0.1, 2);
	EXPECT_TRUE(budget_.wants_spare());
	EXPECT_EQ(budget_.times_off(), 1u);
}

// While the kernel takes them off they still cost something.
TEST_F(SpareProbes, AfterThemSomethingMayBeOwedAndNoMore)
{
	begin(0.4);
	go_on(500, 0.25, 0.25);
	ASSERT_FALSE(budget_.wants_spare());
	go_on(50, 0.5, 0);
	EXPECT_TRUE(budget_.is_on());
	EXPECT_GT(budget_.hits_left(), 1u);
	go_on(60'000, 0.8, 0);
	EXPECT_GT(budget_.times_off(), 50u);
	EXPECT_NEAR(static_cast<double>(budget_.on_ns()) / static_cast<double>(budget_.watched_ns()), 0.5, 0.02);
}

TEST_F(ProbeBudgetTest, HitsFromBeforeEndsWereSeenAreForgivenOnce)
{
	ProbeBudget budget(0.02);
	uint64_t now = 10 * kMs;
	budget.add_hit(1, true, 1);
	budget.settle(now);
	for (const bool stays : {true, false}) {
		budget.forgive_once();
		budget.add_hit(12 * kMs, true, 1);
		EXPECT_EQ(budget.settle(now += 10 * kMs), stays);
	}
	ProbeBudget next(0.02); // only what came up to the next settling
	next.forgive_once();
	next.add_hit(12 * kMs, true, 1);
	EXPECT_TRUE(next.settle(now));
	next.add_hit(12 * kMs, true, 1);
	EXPECT_FALSE(next.settle(now + kMs));
}

TEST_F(ProbeBudgetTest, WhatIsForgivenIsPaidBack)
{
	const auto back_after = [](bool forgives) {
		ProbeBudget budget(0.02);
		budget.add_hit(1, true, 1);
		budget.settle(0);
		if (forgives) {
			budget.forgive_once();
			budget.add_hit(10 * kMs, true, 1);
		}
		budget.settle(kMs);
		budget.add_hit(12 * kMs, true, 1);
		EXPECT_FALSE(budget.settle(2 * kMs));
		uint64_t now = 2 * kMs;
		while (!budget.is_on())
			budget.settle(now += kMs);
		return now;
	};
	EXPECT_NEAR(static_cast<double>(back_after(true) - back_after(false)), 500. * kMs, 2. * kMs)
		<< "10 ms are 2 % of 500";
}

// As long to come back as the hits, and the switches themselves.
TEST_F(ProbeBudgetTest, SwitchingCostsToo)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	go_on(&budget, 100, 0.5, &now);
	ASSERT_FALSE(budget.is_on());
	budget.add_switch(20 * kMs);
	const uint64_t off = now;
	for (; !budget.is_on(); now += kMs)
		budget.settle(now + kMs);
	ProbeBudget free(0.02);
	uint64_t free_now = 0;
	go_on(&free, 100, 0.5, &free_now);
	for (; !free.is_on(); free_now += kMs)
		free.settle(free_now + kMs);
	EXPECT_NEAR(static_cast<double>(now - free_now), 1000. * kMs, 2. * kMs) << "20 ms are 2 % of 1000";
	EXPECT_GT(now, off);
}

TEST_F(ProbeBudgetTest, IdleTimeIsNotSavedForLater)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	go_on(&budget, 10, 0, &now);
	now += 3600'000 * kMs;
	budget.settle(now);
	go_on(&budget, 100, 0.5, &now);
	EXPECT_EQ(budget.times_off(), 1u);
}

TEST_F(ProbeBudgetTest, TimeCountsFromTheFirstHitOn)
{
	ProbeBudget budget(0.02);
	budget.settle(1000 * kMs);
	budget.add_hit(10, true, 1);
	budget.settle(2000 * kMs);
	budget.settle(2500 * kMs);
	EXPECT_EQ(budget.watched_ns(), 500 * kMs);
}

TEST_F(ProbeBudgetTest, WhatCannotBeTakenOffCountsToo)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	go_on(&budget, 20'000, 0.015, 0.015, &now);
	EXPECT_NEAR(share_on(budget), 1. / 3, 0.05) << "0.005 of 0.015 are left";
	EXPECT_NEAR(budget.share_of_kept(), 0.015, 0.0001);
}

TEST_F(ProbeBudgetTest, WhereItCannotBeKeptWhatCostsLittleStays)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	go_on(&budget, 10'000, 0.004, 0.05, &now);
	EXPECT_EQ(budget.times_off(), 0u);
	EXPECT_NEAR(budget.share_of_kept(), 0.05, 0.0001);
	EXPECT_EQ(budget.hits_left(), UINT64_MAX) << "the recorder need not come for them";
	go_on(&budget, 10'000, 0.006, 0.05, &now);
	EXPECT_FALSE(budget.is_on()) << "this is no little";
	EXPECT_EQ(budget.times_off(), 1u);
	EXPECT_LT(budget.on_ns(), 11'000 * kMs);
}

TEST_F(ProbeBudgetTest, WhatNobodyCouldHaveSavedIsNotOwedForever)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	go_on(&budget, 60'000, 0.1, 0.5, &now);
	ASSERT_FALSE(budget.is_on());
	go_on(&budget, 2000, 0.01, 0, &now);
	EXPECT_TRUE(budget.is_on());
}

TEST_F(ProbeBudgetTest, NothingIsPutBackBeforeItIsGone)
{
	ProbeBudget budget(0.02);
	budget.add_hit(1, true, 1);
	budget.settle(0);
	budget.add_hit(11 * kMs, true, 1);
	EXPECT_FALSE(budget.settle(kMs));
	EXPECT_FALSE(budget.settle(2000 * kMs, false)) << "though there is enough";
	EXPECT_EQ(budget.on_ns(), kMs);
	EXPECT_TRUE(budget.settle(2001 * kMs, true));
}

TEST_F(ProbeBudgetTest, WhatCannotBePutBackInTimeStaysOff)
{
	ProbeBudget budget(0.02);
	budget.drop_for_good();
	uint64_t now = 0;
	go_on(&budget, 60'000, 0.5, &now);
	EXPECT_FALSE(budget.is_on());
	EXPECT_EQ(budget.times_off(), 1u);
	EXPECT_LT(share_on(budget), 0.01);
}

TEST_F(ProbeBudgetTest, OneHundredPercentIsNoLimit)
{
	EXPECT_EQ(after(10'000, 1, 3).times_off(), 0u);
}

} // namespace
} // namespace neuroperf::collector
