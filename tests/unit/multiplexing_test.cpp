// SPDX-License-Identifier: Apache-2.0
// Times as the kernel tells them, for events that shared counters and for those that did not.
#include "collector/multiplexing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr uint64_t kMs = 1'000'000;
const std::vector<unsigned> kTwoCpus = {0, 1};

class MultiplexingTest : public testing::Test {
protected:
	std::size_t add(const std::string &name, uint32_t type = PERF_TYPE_HARDWARE,
			std::vector<unsigned> cpus = {0, 1})
	{
		PlannedEvent event;
		event.attr.type = type;
		event.name = name;
		event.leader = plan_.events.size();
		event.cpus = std::move(cpus);
		plan_.events.push_back(event);
		return event.leader;
	}
	void read(std::size_t event, int task, unsigned cpu, uint64_t enabled_ms, uint64_t running_ms)
	{
		times_.push_back({{event, task, cpu}, enabled_ms * kMs, running_ms * kMs});
	}
	std::vector<MultiplexedEvent> found() { return multiplexed_events(plan_, kTwoCpus, times_); }

	Plan plan_;
	std::vector<EventTimes> times_;
};

TEST_F(MultiplexingTest, ATaskThatMovesBetweenCpusIsCountedOnBoth)
{
	const std::size_t cycles = add("cycles");
	read(cycles, 10, 0, 1000, 300); // enabled wherever the task runs, running here
	read(cycles, 10, 1, 1000, 700);
	EXPECT_THAT(found(), IsEmpty());
}

TEST_F(MultiplexingTest, AnEventThatTookTurnsIsFound)
{
	const std::size_t cycles = add("cycles"), misses = add("cache-misses");
	read(cycles, 10, 0, 1000, 300);
	read(cycles, 10, 1, 1000, 700);
	read(misses, 10, 0, 1000, 100);
	read(misses, 10, 1, 1000, 300);
	ASSERT_THAT(found(), SizeIs(1));
	EXPECT_EQ(found()[0].event, misses);
	EXPECT_EQ(found()[0].counted_ns, 400 * kMs);
	EXPECT_EQ(found()[0].expected_ns, 1000 * kMs);
	const MultiplexingNote note = note_of(plan_, found()[0]);
	EXPECT_EQ(note.code, "multiplexed");
	EXPECT_THAT(note.text, HasSubstr("event cache-misses was counted 40 % of the time"));
	EXPECT_EQ(note.remedy, "record fewer events at once");
}

TEST_F(MultiplexingTest, TasksAreAddedUp)
{
	const std::size_t cycles = add("cycles");
	for (const int task : {10, 11, 12}) {
		read(cycles, task, 0, 100, 20);
		read(cycles, task, 1, 100, 40);
	}
	ASSERT_THAT(found(), SizeIs(1));
	EXPECT_EQ(found()[0].counted_ns, 180 * kMs);
	EXPECT_EQ(found()[0].expected_ns, 300 * kMs);
}

TEST_F(MultiplexingTest, CpusOfTheWholeMachineAreAddedUp)
{
	plan_.target.kind = Target::Kind::machine;
	const std::size_t cycles = add("cycles"), misses = add("cache-misses");
	for (const unsigned cpu : kTwoCpus) {
		read(cycles, -1, cpu, 1000, 1000);
		read(misses, -1, cpu, 1000, 250);
	}
	ASSERT_THAT(found(), SizeIs(1));
	EXPECT_EQ(found()[0].event, misses);
	EXPECT_THAT(note_of(plan_, found()[0]).text, HasSubstr(" 25 % of the time"));
}

TEST_F(MultiplexingTest, AnEventOfSomeCpusIsJudgedByTheTimeThere)
{
	const std::size_t clock = add("dummy:u", PERF_TYPE_SOFTWARE), big = add("cpu_core/cycles/", 4, {0});
	read(clock, 10, 0, 1000, 300);
	read(clock, 10, 1, 1000, 700);
	read(big, 10, 0, 1000, 300); // 700 ms were spent on the other kind of CPU
	EXPECT_THAT(found(), IsEmpty());
	times_.back().running_ns = 100 * kMs;
	ASSERT_THAT(found(), SizeIs(1));
	EXPECT_EQ(found()[0].expected_ns, 300 * kMs);
}

TEST_F(MultiplexingTest, NeverCountedHasARemedyOfItsOwn)
{
	const std::size_t alone = add("bus-cycles"), leader = add("cycles"), member = add("instructions");
	plan_.events[member].leader = leader;
	for (const std::size_t event : {alone, leader, member})
		read(event, 10, 0, 50, 0);
	ASSERT_THAT(found(), SizeIs(3));
	EXPECT_EQ(note_of(plan_, found()[0]).code, "never_counted");
	EXPECT_THAT(note_of(plan_, found()[0]).text, HasSubstr("event bus-cycles was never counted"));
	EXPECT_THAT(note_of(plan_, found()[0]).remedy, HasSubstr("record it alone"));
	EXPECT_THAT(note_of(plan_, found()[1]).remedy, HasSubstr("make its group smaller"));
	EXPECT_THAT(note_of(plan_, found()[2]).remedy, HasSubstr("make its group smaller"));
}

TEST_F(MultiplexingTest, WhatNeverRanIsNoFinding)
{
	const std::size_t cycles = add("cycles");
	EXPECT_THAT(found(), IsEmpty()) << "nothing was opened";
	read(cycles, 10, 0, 0, 0);
	read(cycles, 10, 1, 0, 0);
	EXPECT_THAT(found(), IsEmpty());
}

TEST_F(MultiplexingTest, SmallDifferencesAreNone)
{
	const std::size_t cycles = add("cycles");
	times_ = {{{cycles, 10, 0}, 10'000 * kMs, 9'901 * kMs}};
	EXPECT_THAT(found(), IsEmpty()) << "less than 1 %";
	times_ = {{{cycles, 10, 0}, 10'000 * kMs, 9'899 * kMs}};
	EXPECT_THAT(found(), SizeIs(1));
	times_ = {{{cycles, 10, 0}, 2 * kMs, 1 * kMs}};
	EXPECT_THAT(found(), IsEmpty()) << "the moment of enabling one event after the other";
}

TEST_F(MultiplexingTest, EventsWithoutACounterNeverShareOne)
{
	read(add("cpu-clock", PERF_TYPE_SOFTWARE), 10, 0, 1000, 100);
	read(add("sched:sched_switch", PERF_TYPE_TRACEPOINT), 10, 0, 1000, 100);
	EXPECT_THAT(found(), IsEmpty());
}

TEST_F(MultiplexingTest, OnlyTheTimeSinceTheEarlierReadingCounts)
{
	const std::size_t cycles = add("cycles");
	read(cycles, 10, 0, 1000, 100);
	const std::vector<EventTimes> first_file = times_;
	times_ = {{{cycles, 10, 0}, 2000 * kMs, 1100 * kMs}};
	times_ = times_since(times_, first_file);
	EXPECT_EQ(times_[0].enabled_ns, 1000 * kMs);
	EXPECT_EQ(times_[0].running_ns, 1000 * kMs);
	EXPECT_THAT(found(), IsEmpty());
	EXPECT_EQ(times_since(times_, first_file)[0].enabled_ns, 0u) << "equal";
	EXPECT_EQ(times_since({}, first_file).size(), 0u);
}

} // namespace
} // namespace neuroperf::collector
