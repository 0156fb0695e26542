// SPDX-License-Identifier: Apache-2.0
// Which events were counted only part of the time: with more events than counters, the kernel lets them take turns.
//
// Pure: computed from what the kernel says of each perf event, how long it was enabled and how long it counted. An
// event of a task that is bound to a CPU counts as enabled while the task runs, wherever that is (measured: 6.18, the
// same since 4.15): summed over the CPUs, only the times of counting make sense.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/plan.hpp"

namespace neuroperf::collector {

// One perf event: a planned event on one CPU, of one task (or of what else the plan's target is).
struct EventPlace {
	std::size_t event = 0; // index in the plan
	int task = 0;
	unsigned cpu = 0;
};

struct EventTimes {
	EventPlace place;
	uint64_t enabled_ns = 0, running_ns = 0;
};

// What has passed since an earlier reading of the same events, in the same order.
std::vector<EventTimes> times_since(std::vector<EventTimes> now, const std::vector<EventTimes> &earlier);

// A planned event that should have counted for longer than it did, over all its tasks and CPUs.
struct MultiplexedEvent {
	std::size_t event = 0; // index in the plan
	uint64_t expected_ns = 0, counted_ns = 0;
};
// Differences of up to 1 % are none, nor of up to 1 ms: events are enabled one after the other.
std::vector<MultiplexedEvent> multiplexed_events(const Plan &plan, const std::vector<unsigned> &online_cpus,
						 const std::vector<EventTimes> &times);

struct MultiplexingNote {
	std::string code, text, remedy;
};
MultiplexingNote note_of(const Plan &plan, const MultiplexedEvent &found);

} // namespace neuroperf::collector
