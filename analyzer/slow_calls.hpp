// SPDX-License-Identifier: Apache-2.0
// The slowest inferences, and those that missed a deadline, each with what its thread did meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "analyzer/thread_states.hpp"

namespace neuroperf::analyzer {

struct SlowCall {
	uint32_t definition = 0;
	ThreadId thread{};
	uint64_t begin_ns = 0, wall_ns = 0; // probes included
	bool followed = false;              // what its thread did is known
	StateTimes states;
};

// Keeps the slowest ones of all calls.
class SlowCalls {
public:
	static constexpr std::size_t kMost = 20;

	void add(const SlowCall &call);
	std::vector<SlowCall> slowest_first() const;

private:
	std::vector<SlowCall> calls_; // a heap: the fastest of them in front
};

// What made a call so slow: the CPU where that alone took longer than `enough_ns`, else the state beside it that took
// the most time.
ThreadState cause_of(const StateTimes &states, uint64_t enough_ns);

struct DeadlineMisses {
	uint64_t calls = 0, missed = 0;
	std::array<uint64_t, kThreadStates> by_cause{}; // of those whose thread was followed

	void add(const SlowCall &call, uint64_t deadline_ns);
	void merge(const DeadlineMisses &other);
};

} // namespace neuroperf::analyzer
