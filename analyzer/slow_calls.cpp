// SPDX-License-Identifier: Apache-2.0
#include "analyzer/slow_calls.hpp"

#include <algorithm>

namespace neuroperf::analyzer {
namespace {

bool is_slower(const SlowCall &a, const SlowCall &b)
{
	return a.wall_ns > b.wall_ns || (a.wall_ns == b.wall_ns && a.begin_ns < b.begin_ns);
}

} // namespace

void SlowCalls::add(const SlowCall &call)
{
	if (calls_.size() == kMost) {
		if (!is_slower(call, calls_.front()))
			return;
		std::pop_heap(calls_.begin(), calls_.end(), is_slower);
		calls_.pop_back();
	}
	calls_.push_back(call);
	std::push_heap(calls_.begin(), calls_.end(), is_slower);
}

std::vector<SlowCall> SlowCalls::slowest_first() const
{
	std::vector<SlowCall> sorted = calls_;
	std::sort(sorted.begin(), sorted.end(), is_slower);
	return sorted;
}

ThreadState cause_of(const StateTimes &states, uint64_t enough_ns)
{
	if (states[ThreadState::on_cpu] > enough_ns)
		return ThreadState::on_cpu;
	ThreadState cause = ThreadState::on_cpu;
	uint64_t most = 0;
	for (std::size_t i = 0; i < kThreadStates; i++)
		if (thread_state(i) != ThreadState::on_cpu && states.ns[i] > most) {
			most = states.ns[i];
			cause = thread_state(i);
		}
	return cause;
}

void DeadlineMisses::add(const SlowCall &call, uint64_t deadline_ns)
{
	calls++;
	if (call.wall_ns <= deadline_ns)
		return;
	missed++;
	if (call.followed)
		by_cause[static_cast<std::size_t>(cause_of(call.states, deadline_ns))]++;
}

void DeadlineMisses::merge(const DeadlineMisses &other)
{
	calls += other.calls;
	missed += other.missed;
	for (std::size_t i = 0; i < kThreadStates; i++)
		by_cause[i] += other.by_cause[i];
}

} // namespace neuroperf::analyzer
