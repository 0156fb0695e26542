// SPDX-License-Identifier: Apache-2.0
#include "analyzer/slow_calls.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

SlowCall call(uint64_t begin_ns, uint64_t on_cpu_ns, uint64_t runnable_ns = 0, uint64_t blocked_ns = 0)
{
	SlowCall made;
	made.begin_ns = begin_ns;
	made.states[ThreadState::on_cpu] = on_cpu_ns;
	made.states[ThreadState::runnable] = runnable_ns;
	made.states[ThreadState::blocked] = blocked_ns;
	made.wall_ns = made.states.sum();
	made.followed = true;
	return made;
}

TEST(SlowCalls, KeepsTheSlowest)
{
	SlowCalls calls;
	for (uint64_t i = 0; i < 1000; i++)
		calls.add(call(i, (i * 7919) % 1000));
	const auto slowest = calls.slowest_first();
	ASSERT_EQ(slowest.size(), SlowCalls::kMost);
	for (std::size_t i = 0; i < slowest.size(); i++)
		EXPECT_EQ(slowest[i].wall_ns, 999 - i);
}

TEST(SlowCalls, OfEqualsTheFirst)
{
	SlowCalls calls;
	for (uint64_t i = 0; i < 100; i++)
		calls.add(call(i, 5));
	EXPECT_EQ(calls.slowest_first().front().begin_ns, 0u);
	EXPECT_EQ(calls.slowest_first().back().begin_ns, SlowCalls::kMost - 1);
}

TEST(SlowCalls, Causes)
{
	EXPECT_EQ(cause_of(call(0, 11).states, 10), ThreadState::on_cpu);
	EXPECT_EQ(cause_of(call(0, 11, 50, 60).states, 10), ThreadState::on_cpu) << "it alone was too much";
	EXPECT_EQ(cause_of(call(0, 10, 5, 6).states, 10), ThreadState::blocked);
	EXPECT_EQ(cause_of(call(0, 10, 7, 6).states, 10), ThreadState::runnable);
	EXPECT_EQ(cause_of(call(0, 10).states, 10), ThreadState::on_cpu);
}

TEST(SlowCalls, Deadlines)
{
	DeadlineMisses misses, others;
	misses.add(call(0, 10), 10);
	misses.add(call(0, 9, 2), 10);
	misses.add(call(0, 9, 2, 3), 10);
	SlowCall unseen = call(0, 20);
	unseen.followed = false;
	misses.add(unseen, 10);
	EXPECT_EQ(misses.calls, 4u);
	EXPECT_EQ(misses.missed, 3u);
	std::array<uint64_t, kThreadStates> expected{};
	expected[static_cast<std::size_t>(ThreadState::runnable)] = 1;
	expected[static_cast<std::size_t>(ThreadState::blocked)] = 1;
	EXPECT_EQ(misses.by_cause, expected);
	others.add(call(0, 20), 10);
	misses.merge(others);
	EXPECT_EQ(misses.missed, 4u);
	EXPECT_EQ(misses.by_cause[0], 1u);
}

} // namespace
} // namespace neuroperf::analyzer
