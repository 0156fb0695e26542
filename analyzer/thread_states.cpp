// SPDX-License-Identifier: Apache-2.0
#include "analyzer/thread_states.hpp"

#include <algorithm>
#include <numeric>

namespace neuroperf::analyzer {
namespace {

using recording::WaitsFor;
using recording::WokenBy;

// Changes that are kept while threads are off their CPUs: 16 MiB. A wait with more is unknown.
constexpr std::size_t kMostChanges = 1 << 20;

constexpr StateInfo kInfos[kThreadStates] = {
	{"on_cpu", "on CPU", Needs::switches},
	{"interrupts", "interrupts", Needs::waits},
	{"runnable", "runnable", Needs::switches},
	{"npu_queue", "NPU queue", Needs::devices},
	{"npu_run", "NPU", Needs::devices},
	{"device", "device", Needs::waits},
	{"io", "I/O", Needs::waits},
	{"fault", "faults", Needs::waits},
	{"workers_run", "workers run", Needs::waits},
	{"workers_wait", "workers wait", Needs::waits},
	{"others", "others", Needs::waits},
	{"peers", "peers", Needs::waits},
	{"sleep", "sleep", Needs::waits},
	{"blocked", "blocked", Needs::switches},
	{"unknown", "unknown", Needs::switches},
};

// Jobs of its own are not what a thread waits for that sleeps, or waits for a page or a disk.
bool may_wait_for_jobs(WaitsFor waits_for, const std::optional<recording::Wait> &wait)
{
	return waits_for != WaitsFor::sleep && waits_for != WaitsFor::fault && !(wait && wait->io_wait);
}

ThreadState state_of(WaitsFor waits_for, const Wakeup &wakeup)
{
	switch (waits_for) {
	case WaitsFor::io:
		return ThreadState::io;
	case WaitsFor::fault:
		return ThreadState::fault;
	case WaitsFor::device:
		return ThreadState::device;
	case WaitsFor::sleep:
		return ThreadState::sleep;
	case WaitsFor::others:
		return wakeup.of_other_process ? ThreadState::others : ThreadState::peers;
	case WaitsFor::unknown:
		break;
	}
	return ThreadState::blocked;
}

} // namespace

const StateInfo &info(ThreadState state)
{
	return kInfos[static_cast<std::size_t>(state)];
}

bool RecordedStates::has(ThreadState state) const
{
	const Needs needs = info(state).needs;
	return needs == Needs::switches || (needs == Needs::waits ? waits : devices);
}

uint64_t StateTimes::sum() const
{
	return std::accumulate(ns.begin(), ns.end(), uint64_t{0});
}

StateTimes &StateTimes::operator+=(const StateTimes &other)
{
	for (std::size_t i = 0; i < kThreadStates; i++)
		ns[i] += other.ns[i];
	workers_ns += other.workers_ns;
	return *this;
}

StateTimes StateTimes::operator-(const StateTimes &earlier) const
{
	StateTimes between;
	for (std::size_t i = 0; i < kThreadStates; i++)
		between.ns[i] = ns[i] - earlier.ns[i];
	between.workers_ns = workers_ns - earlier.workers_ns;
	return between;
}

ThreadStates::Thread &ThreadStates::at(ThreadId id)
{
	const auto index = static_cast<std::size_t>(id);
	if (index >= threads_.size())
		threads_.resize(index + 1);
	if (in_loss_)
		lost(); // what this one says holds for its moment alone
	Thread &thread = threads_[index];
	if (thread.losses != losses_) {
		thread.losses = losses_;
		thread.stay = Stay::unknown;
		thread.aways = 0;
		forget_changes(&thread);
	}
	return thread;
}

// Of a thread that is off its CPU since since_ns: whether a time makes sense.
bool ThreadStates::ended_wait(const Thread &thread, const Wakeup &wakeup, uint64_t time_ns)
{
	return wakeup.time_ns >= thread.since_ns && wakeup.time_ns <= time_ns && wakeup.time_ns != 0;
}

void ThreadStates::count(Thread *thread, ThreadState state, uint64_t until_ns)
{
	if (until_ns <= thread->since_ns)
		return;
	thread->times[state] += until_ns - thread->since_ns;
	thread->since_ns = until_ns;
}

void ThreadStates::forget_changes(Thread *thread)
{
	changes_ -= thread->changes.size();
	thread->changes.clear();
	thread->too_many_changes = false;
}

std::optional<uint64_t> ThreadStates::switched_in(ThreadId id, uint64_t time_ns, const Wakeup &wakeup)
{
	Thread &thread = at(id);
	const bool waited = thread.stay == Stay::off && !thread.preempted;
	const bool is_known = waited && ended_wait(thread, wakeup, time_ns);
	end_stay(&thread, time_ns, wakeup);
	workers_.switched_in(id, time_ns, wakeup.own_thread);
	return is_known ? std::optional(time_ns - wakeup.time_ns) : std::nullopt;
}

void ThreadStates::switched_out(ThreadId id, uint64_t time_ns, bool preempted,
				const std::optional<recording::Wait> &wait)
{
	Thread &thread = at(id);
	leave_off(&thread, time_ns);
	thread.stay = Stay::off;
	thread.preempted = preempted;
	thread.wait = wait;
	thread.work_at_out = thread.work;
	workers_.switched_out(id, time_ns);
}

void ThreadStates::lost()
{
	losses_++;
	workers_.lost();
}

void ThreadStates::begin_loss()
{
	in_loss_ = true;
	lost();
}

void ThreadStates::end_loss()
{
	in_loss_ = false;
	lost();
}

void ThreadStates::interrupted(ThreadId id, uint64_t begin_ns, uint64_t end_ns)
{
	Thread &thread = at(id);
	if (thread.stay != Stay::on)
		return;
	count(&thread, ThreadState::on_cpu, std::min(begin_ns, end_ns));
	count(&thread, ThreadState::interrupts, end_ns);
}

void ThreadStates::has_work(ThreadId id, uint64_t time_ns, DeviceWork work)
{
	Thread &thread = at(id);
	thread.work = work;
	if (thread.stay != Stay::off)
		return;
	if (changes_ >= kMostChanges) {
		thread.too_many_changes = true;
		return;
	}
	thread.changes.push_back({time_ns, work});
	changes_++;
}

// Up to now, whatever the thread has done; from now on it is on a CPU.
void ThreadStates::end_stay(Thread *thread, uint64_t time_ns, const Wakeup &wakeup)
{
	switch (thread->stay) {
	case Stay::unknown:
		count(thread, ThreadState::unknown, time_ns);
		thread->known_ns = thread->since_ns;
		break;
	case Stay::on:
		count(thread, ThreadState::on_cpu, time_ns);
		break;
	case Stay::off: {
		const uint64_t out_ns = thread->since_ns;
		if (thread->preempted) {
			count(thread, ThreadState::runnable, time_ns);
		} else if (thread->too_many_changes) {
			count(thread, ThreadState::unknown, time_ns);
		} else {
			count_wait(thread, ended_wait(*thread, wakeup, time_ns) ? wakeup.time_ns : time_ns, wakeup);
			count(thread, ThreadState::runnable, time_ns);
		}
		if (time_ns > out_ns)
			remember(thread, {out_ns, time_ns});
		break;
	}
	}
	forget_changes(thread);
	thread->stay = Stay::on;
}

// The thread is on a CPU. Where it has not come back the record of that is missing; if it would have said who woke the
// thread, nobody knows what that did meanwhile.
void ThreadStates::leave_off(Thread *thread, uint64_t time_ns)
{
	if (thread->stay != Stay::off || !thread->wait)
		return end_stay(thread, time_ns, {});
	count(thread, ThreadState::unknown, time_ns);
	forget_changes(thread);
	thread->stay = Stay::on;
	thread->aways = 0;
	thread->known_ns = thread->since_ns;
}

void ThreadStates::remember(Thread *thread, Away away)
{
	const std::size_t at = thread->aways++ % kRemembered;
	if (at >= thread->away.size())
		thread->away.resize(at + 1);
	thread->away[at] = away;
}

// From where it left its CPU until it was woken.
void ThreadStates::count_wait(Thread *thread, uint64_t until_ns, const Wakeup &wakeup)
{
	WaitsFor waits_for = WaitsFor::unknown;
	if (thread->wait) {
		recording::Wait wait = *thread->wait;
		wait.woken_by = wakeup.by;
		waits_for = rules_.waits_for(wait);
	}
	const auto count_until = [&](uint64_t time_ns, DeviceWork work) {
		if (work != DeviceWork::none && may_wait_for_jobs(waits_for, thread->wait))
			count(thread, work == DeviceWork::running ? ThreadState::npu_run : ThreadState::npu_queue,
			      time_ns);
		else if (waits_for == WaitsFor::others && wakeup.own_thread)
			count_wait_for_workers(thread, time_ns, *wakeup.own_thread);
		else
			count(thread, state_of(waits_for, wakeup), time_ns);
	};
	DeviceWork work = thread->work_at_out;
	for (const WorkChange &change : thread->changes) {
		if (change.time_ns >= until_ns)
			break;
		count_until(change.time_ns, work);
		work = change.work;
	}
	count_until(until_ns, work);
}

// Until then, by what the thread that woke it did meanwhile. Its stays that are no longer remembered, or not known,
// leave the time before them to nobody.
void ThreadStates::count_wait_for_workers(Thread *thread, uint64_t until_ns, ThreadId worker_id)
{
	const auto index = static_cast<std::size_t>(worker_id);
	if (index >= threads_.size() || threads_[index].stay == Stay::unknown || threads_[index].losses != losses_)
		return count(thread, ThreadState::peers, until_ns);
	const Thread &worker = threads_[index];
	uint64_t known_ns = worker.known_ns;
	const uint64_t kept = std::min<uint64_t>(worker.aways, kRemembered);
	if (kept == kRemembered)
		known_ns = std::max(known_ns, worker.away[worker.aways % kRemembered].in_ns);
	count(thread, ThreadState::peers, std::min(known_ns, until_ns));
	for (uint64_t i = worker.aways - kept; i < worker.aways; i++) {
		const Away &away = worker.away[i % kRemembered];
		if (away.in_ns <= thread->since_ns)
			continue;
		count(thread, ThreadState::workers_run, std::min(away.out_ns, until_ns));
		count(thread, ThreadState::workers_wait, std::min(away.in_ns, until_ns));
	}
	if (worker.stay == Stay::off) // it left since it woke us
		count(thread, ThreadState::workers_run, std::min(worker.since_ns, until_ns));
	count(thread, worker.stay == Stay::off ? ThreadState::workers_wait : ThreadState::workers_run, until_ns);
}

StateTimes ThreadStates::times(ThreadId id) const
{
	const auto index = static_cast<std::size_t>(id);
	return index < threads_.size() ? threads_[index].times : StateTimes{};
}

// An event that comes with the record of leaving the CPU, or just behind it, was before it: it does not bring the
// thread back.
StateTimes ThreadStates::runs(ThreadId id, uint64_t time_ns)
{
	Thread &thread = at(id);
	if (thread.stay == Stay::off && time_ns - std::min(time_ns, thread.since_ns) <= kSkewNs)
		count(&thread, ThreadState::on_cpu, time_ns);
	else
		leave_off(&thread, time_ns);
	thread.times.workers_ns = workers_.of(id, time_ns);
	return thread.times;
}

} // namespace neuroperf::analyzer
