// SPDX-License-Identifier: Apache-2.0
#include "collector/probe_budget.hpp"

#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

constexpr uint64_t kMs = 1'000'000;

// Hits cost `load` of a nanosecond in each one that probes are there, on `threads` threads; rounds are 10 ms long.
void run(ProbeBudget *budget, double load, uint64_t ms, uint64_t *now, unsigned threads = 1)
{
	for (const uint64_t end = *now + ms * kMs; *now < end;) {
		const bool on = budget->is_on();
		*now += 10 * kMs;
		const auto cost = static_cast<uint64_t>(load * 10 * kMs * threads);
		budget->update(*now, on ? cost : 0, 0, on ? threads : 0);
	}
}

TEST(ProbeBudget, CheapProbesStay)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	budget.update(now, 1, 0, 1);
	run(&budget, 0.015, 60'000, &now);
	EXPECT_TRUE(budget.is_on());
	EXPECT_FALSE(budget.has_limited());
	EXPECT_EQ(budget.on_ns(), budget.watched_ns());
}

TEST(ProbeBudget, DearOnesAreThereForAShareOfTheTime)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	budget.update(now, 1, 0, 1);
	run(&budget, 0.5, 60'000, &now);
	EXPECT_TRUE(budget.has_limited());
	EXPECT_GT(budget.times_off(), 50u) << "in many pieces, not in one";
	const double share = static_cast<double>(budget.on_ns()) / static_cast<double>(budget.watched_ns());
	EXPECT_NEAR(share, 0.04, 0.004) << "half of it is cost";
}

TEST(ProbeBudget, EachThreadBringsItsShare)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	budget.update(now, 1, 0, 4);
	run(&budget, 0.5, 60'000, &now, 4);
	const double share = static_cast<double>(budget.on_ns()) / static_cast<double>(budget.watched_ns());
	EXPECT_NEAR(share, 0.04, 0.004);
}

TEST(ProbeBudget, ShortProgramsAreRecordedWhole)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	budget.update(now, 1, 0, 1);
	run(&budget, 0.2, 120, &now);
	EXPECT_FALSE(budget.has_limited());
	run(&budget, 0.2, 120, &now);
	EXPECT_TRUE(budget.has_limited());
}

TEST(ProbeBudget, IdleTimeIsNotSavedForLater)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	budget.update(now, 1, 0, 1);
	now += 3600'000 * kMs;
	budget.update(now, 0, 0, 0);
	run(&budget, 0.5, 100, &now);
	EXPECT_TRUE(budget.has_limited());
}

TEST(ProbeBudget, TimeCountsFromTheFirstHitOn)
{
	ProbeBudget budget(0.02);
	budget.update(1000 * kMs, 0, 0, 0);
	budget.update(2000 * kMs, 10, 0, 1);
	budget.update(2500 * kMs, 10, 0, 1);
	EXPECT_EQ(budget.watched_ns(), 500 * kMs);
}

TEST(ProbeBudget, WhatCannotBeTakenOffCountsToo)
{
	ProbeBudget budget(0.02);
	uint64_t now = 0;
	for (int i = 0; i < 1000; i++)
		budget.update(now += 10 * kMs, 0, kMs, 1);
	EXPECT_FALSE(budget.is_on());
	EXPECT_EQ(budget.times_off(), 1u);
}

TEST(ProbeBudget, OneHundredPercentIsNoLimit)
{
	ProbeBudget budget(1);
	uint64_t now = 0;
	budget.update(now, 1, 0, 1);
	run(&budget, 3, 10'000, &now);
	EXPECT_TRUE(budget.is_on());
}

} // namespace
} // namespace neuroperf::collector
