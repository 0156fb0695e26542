// SPDX-License-Identifier: Apache-2.0
#include "analyzer/thread_states.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

constexpr auto kThread = static_cast<ThreadId>(3), kOther = static_cast<ThreadId>(0);
constexpr uint64_t kMs = 1'000'000;

struct States : testing::Test {
	// What happened between two moments, and that it is all of the time between them.
	StateTimes between(const StateTimes &begin, uint64_t begin_ns, uint64_t end_ns)
	{
		const StateTimes times = states.runs(kThread, end_ns) - begin;
		EXPECT_EQ(times.sum(), end_ns - begin_ns);
		return times;
	}
	ThreadStates states;
};

TEST_F(States, WhoTellsSomethingIsOnACpu)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	EXPECT_EQ(begin[ThreadState::unknown], 10 * kMs) << "what was before nobody knows";
	EXPECT_EQ(between(begin, 10 * kMs, 15 * kMs)[ThreadState::on_cpu], 5 * kMs);
}

TEST_F(States, SwitchesPartTheTime)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.switched_out(kOther, 12 * kMs, true);
	states.switched_in(kThread, 15 * kMs);
	states.switched_out(kThread, 16 * kMs, true);
	states.switched_in(kThread, 20 * kMs);
	const StateTimes times = between(begin, 10 * kMs, 21 * kMs);
	EXPECT_EQ(times[ThreadState::on_cpu], 4 * kMs);
	EXPECT_EQ(times[ThreadState::blocked], 3 * kMs);
	EXPECT_EQ(times[ThreadState::runnable], 4 * kMs);
	EXPECT_EQ(times[ThreadState::unknown], 0u);
}

TEST_F(States, LossesMakeTimeUnknownAndNothingElse)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.lost(); // perhaps it came back
	states.switched_in(kThread, 15 * kMs);
	const StateTimes times = between(begin, 10 * kMs, 20 * kMs);
	EXPECT_EQ(times[ThreadState::on_cpu], 7 * kMs);
	EXPECT_EQ(times[ThreadState::unknown], 3 * kMs);
	EXPECT_EQ(times[ThreadState::blocked], 0u);
	states.lost();
	EXPECT_EQ(between(begin, 10 * kMs, 22 * kMs)[ThreadState::unknown], 5 * kMs);
}

TEST_F(States, WhoTellsSomethingWasSwitchedInByThen)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.runs(kThread, 15 * kMs); // the record of getting there is missing, or a little late
	EXPECT_EQ(between(begin, 10 * kMs, 20 * kMs)[ThreadState::blocked], 3 * kMs);
}

TEST_F(States, ClocksDifferALittle)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.runs(kThread, 12 * kMs + 300); // was told just before it left
	EXPECT_EQ(between(begin, 10 * kMs, 20 * kMs)[ThreadState::blocked], 8 * kMs);
}

TEST_F(States, TimeNeverGoesBack)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 9 * kMs, false);
	states.switched_in(kThread, 8 * kMs);
	EXPECT_EQ(between(begin, 10 * kMs, 12 * kMs)[ThreadState::on_cpu], 2 * kMs);
}

} // namespace
} // namespace neuroperf::analyzer
