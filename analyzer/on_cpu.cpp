// SPDX-License-Identifier: Apache-2.0
#include "analyzer/on_cpu.hpp"

#include <algorithm>

namespace neuroperf::analyzer {

void OnCpu::begin(uint64_t time_ns)
{
	if (!begin_ns_)
		begin_ns_ = time_ns;
}

// Times never go back for a thread, so that nothing is counted twice whatever the file says.
OnCpu::Thread &OnCpu::at(ThreadId id, uint64_t time_ns)
{
	const auto index = static_cast<std::size_t>(id);
	if (index >= threads_.size())
		threads_.resize(index + 1);
	Thread &thread = threads_[index];
	if (in_loss_)
		lost(); // what this one says holds for its moment alone
	learn_of_losses(&thread);
	learn_of_starts(id, &thread);
	if (time_ns < thread.newest_ns) {
		unknown_ += thread.state == State::on ? 1 : 0;
		thread.state = State::unknown;
	}
	thread.newest_ns = std::max(thread.newest_ns, time_ns);
	return thread;
}

void OnCpu::learn_of_losses(Thread *thread)
{
	if (thread->losses == losses_)
		return;
	thread->losses = losses_;
	unknown_ += thread->state == State::on || thread->state == State::seen_on ? 1 : 0;
	thread->state = State::unknown;
}

void OnCpu::learn_of_starts(ThreadId id, Thread *thread)
{
	if (thread->state != State::on && thread->state != State::seen_on)
		return;
	const auto found = starts_.find(static_cast<uint32_t>(all_threads_.thread(id).process));
	if (found == starts_.end() || found->second.thread == id || found->second.time_ns < thread->since_ns)
		return;
	leave(thread, found->second.time_ns);
	thread->state = State::ended;
	thread->newest_ns = std::max(thread->newest_ns, found->second.time_ns);
}

void OnCpu::switched_in(ThreadId id, uint64_t time_ns, uint64_t came_ns)
{
	Thread &thread = at(id, time_ns);
	unknown_ += thread.state == State::on ? 1 : 0; // when did it leave?
	thread.state = State::on;
	thread.since_ns = came_ns < time_ns ? std::clamp(came_ns, thread.left_ns, thread.newest_ns) : thread.newest_ns;
	thread.known = true;
}

void OnCpu::switched_out(ThreadId id, uint64_t time_ns, bool preempted)
{
	Thread &thread = at(id, time_ns);
	if (thread.state == State::ended)
		return; // recordings of whole CPUs see it go after its end
	leave(&thread, thread.newest_ns);
	if (!window_.has(time_ns) || time_ns < begin_ns_.value_or(0))
		return;
	thread.figures.switches++;
	thread.figures.preempted += preempted ? 1 : 0;
}

void OnCpu::starts(ThreadId id, uint64_t time_ns)
{
	starts_[static_cast<uint32_t>(all_threads_.thread(id).process)] = {id, time_ns};
	Thread &thread = at(id, time_ns);
	if (thread.state == State::on || thread.state == State::seen_on)
		return;
	thread.state = State::on;
	thread.since_ns = thread.newest_ns;
	thread.known = true;
}

void OnCpu::ends(ThreadId id, uint64_t time_ns)
{
	Thread &thread = at(id, time_ns);
	if (thread.state != State::off)
		leave(&thread, thread.newest_ns);
	thread.state = State::ended;
}

void OnCpu::seen(ThreadId id, uint64_t time_ns)
{
	Thread &thread = at(id, time_ns);
	if (thread.state != State::as_before && thread.state != State::unknown)
		return;
	// A sample in the moment before the record of getting there says the same: switched_in sets it right.
	thread.since_ns = thread.state == State::as_before ? begin_ns_.value_or(time_ns) : thread.newest_ns;
	thread.state = State::seen_on;
	thread.known = true;
}

void OnCpu::leave(Thread *thread, uint64_t time_ns)
{
	switch (thread->state) {
	case State::on:
	case State::seen_on:
		add(thread, thread->since_ns, time_ns);
		break;
	case State::as_before:
		add(thread, begin_ns_.value_or(time_ns), time_ns);
		break;
	case State::unknown:
	case State::off:
	case State::ended:
		unknown_++;
		break;
	}
	thread->state = State::off;
	thread->left_ns = time_ns;
	thread->known = true;
}

void OnCpu::add(Thread *thread, uint64_t from_ns, uint64_t to_ns) const
{
	from_ns = std::max({from_ns, window_.from_ns, begin_ns_.value_or(0)});
	to_ns = std::min(to_ns, window_.to_ns);
	thread->figures.on_cpu_ns += to_ns > from_ns ? to_ns - from_ns : 0;
}

void OnCpu::finish(uint64_t last_ns)
{
	for (std::size_t i = 0; i < threads_.size(); i++) {
		Thread &thread = threads_[i];
		learn_of_losses(&thread);
		learn_of_starts(static_cast<ThreadId>(i), &thread);
		if (thread.state == State::on || thread.state == State::seen_on)
			leave(&thread, std::max(last_ns, thread.newest_ns));
	}
}

std::optional<OnCpu::Figures> OnCpu::of(ThreadId id) const
{
	const auto index = static_cast<std::size_t>(id);
	if (index >= threads_.size() || !threads_[index].known)
		return std::nullopt;
	return threads_[index].figures;
}

} // namespace neuroperf::analyzer
