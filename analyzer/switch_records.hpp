// SPDX-License-Identifier: Apache-2.0
// What records of threads that leave a CPU and get one, our own and the kernel's, mean for the analysis: time on a CPU,
// states, scheduling latency, and stacks of threads that are off their CPUs where these are wanted.
#pragma once

#include <optional>
#include <vector>

#include "analyzer/analysis.hpp"
#include "analyzer/call_chain.hpp"

namespace neuroperf::analyzer {

class SwitchRecords {
public:
	// `off_cpu`: stacks are of waits, in nanoseconds.
	SwitchRecords(bool off_cpu, Analysis *analysis) : off_cpu_(off_cpu), analysis_(*analysis) {}

	// From here on they are our own, with what threads wait for. `machine`: as uname says it.
	void begin_anatomy(std::string_view machine);

	// In time order. `would_go_on`: the thread was preempted, or gave its CPU away.
	void left(ThreadId thread, uint64_t time_ns, bool would_go_on, const std::optional<recording::Wait> &wait);
	// Where it was as it left.
	void left_in(ThreadId thread, const recording::Sample &sample);
	// `counts`: it is of the time, the threads and the layers that are asked for.
	// It may have come before anybody said so.
	void came(ThreadId thread, uint64_t time_ns, uint64_t came_ns, const Wakeup &wakeup, bool counts);

	// Of the fields of our events.
	static bool would_go_on(uint64_t state, uint64_t flags);
	static recording::Wait wait_of(uint64_t system_call, uint64_t device, uint64_t file_type, uint64_t flags);
	Wakeup wakeup_of(uint32_t pid, uint64_t woken_by, uint64_t woken_ns, uint32_t waker_pid, uint32_t waker_tid);

private:
	void add_stay(ThreadId thread, const StateTimes &stay, std::optional<ThreadId> waker);
	std::vector<Frame> &frames_of(ThreadId thread);

	const bool off_cpu_;
	Analysis &analysis_;
	std::vector<std::vector<Frame>> frames_; // by thread, of those that are off their CPUs
};

} // namespace neuroperf::analyzer
