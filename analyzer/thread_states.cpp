// SPDX-License-Identifier: Apache-2.0
#include "analyzer/thread_states.hpp"

#include <algorithm>
#include <numeric>

namespace neuroperf::analyzer {

namespace {

ThreadState split(ThreadState state, DeviceWork work)
{
	if (state != ThreadState::blocked || work == DeviceWork::none)
		return state;
	return work == DeviceWork::running ? ThreadState::npu_run : ThreadState::npu_queue;
}

} // namespace

uint64_t StateTimes::sum() const
{
	return std::accumulate(ns.begin(), ns.end(), uint64_t{0});
}

StateTimes &StateTimes::operator+=(const StateTimes &other)
{
	for (std::size_t i = 0; i < kThreadStates; i++)
		ns[i] += other.ns[i];
	return *this;
}

StateTimes StateTimes::operator-(const StateTimes &earlier) const
{
	StateTimes between;
	for (std::size_t i = 0; i < kThreadStates; i++)
		between.ns[i] = ns[i] - earlier.ns[i];
	return between;
}

ThreadStates::Thread &ThreadStates::advance(ThreadId id, uint64_t time_ns)
{
	const auto index = static_cast<std::size_t>(id);
	if (index >= threads_.size())
		threads_.resize(index + 1);
	Thread &thread = threads_[index];
	if (thread.losses != losses_) {
		thread.losses = losses_;
		thread.state = ThreadState::unknown;
	}
	if (time_ns > thread.since_ns) {
		thread.times[split(thread.state, thread.work)] += time_ns - thread.since_ns;
		thread.since_ns = time_ns;
	}
	return thread;
}

void ThreadStates::change(ThreadId id, uint64_t time_ns, ThreadState state)
{
	Thread &thread = advance(id, time_ns);
	thread.state = state;
	thread.changed_ns = thread.since_ns;
}

// An event that comes with the record of leaving the CPU, or just behind it, was before it: it does not bring the
// thread back.
StateTimes ThreadStates::runs(ThreadId id, uint64_t time_ns)
{
	Thread &thread = advance(id, time_ns);
	const bool just_left = (thread.state == ThreadState::runnable || thread.state == ThreadState::blocked) &&
			       thread.since_ns - thread.changed_ns <= kSkewNs;
	if (!just_left && thread.state != ThreadState::on_cpu) {
		thread.state = ThreadState::on_cpu;
		thread.changed_ns = thread.since_ns;
	}
	return thread.times;
}

} // namespace neuroperf::analyzer
