// SPDX-License-Identifier: Apache-2.0
#include "analyzer/worker_time.hpp"

#include <algorithm>

namespace neuroperf::analyzer {

WorkerTime::Thread &WorkerTime::at(ThreadId id)
{
	const auto index = static_cast<std::size_t>(id);
	if (index >= threads_.size())
		threads_.resize(index + 1);
	return threads_[index];
}

std::optional<ThreadId> WorkerTime::caller_of(ThreadId id)
{
	const Thread &thread = at(id);
	return thread.is_caller ? std::optional(id) : thread.caller;
}

void WorkerTime::started(ThreadId id, ThreadId by)
{
	stop(id, 0); // the number of one that is gone
	const std::optional<ThreadId> caller = caller_of(by);
	Thread fresh;
	fresh.caller = caller;
	fresh.work_ns = at(id).work_ns;
	fresh.workers = at(id).workers;
	at(id) = std::move(fresh);
}

void WorkerTime::switched_in(ThreadId id, uint64_t time_ns, std::optional<ThreadId> woken_by)
{
	stop(id, time_ns);
	if (woken_by && *woken_by != id)
		if (const std::optional<ThreadId> caller = caller_of(*woken_by))
			at(id).caller = caller;
	Thread &thread = at(id);
	if (thread.is_caller || !thread.caller || *thread.caller == id)
		return;
	thread.running = true;
	thread.since_ns = time_ns;
	at(*thread.caller).workers.push_back(id);
}

void WorkerTime::switched_out(ThreadId id, uint64_t time_ns)
{
	stop(id, time_ns);
}

void WorkerTime::stop(ThreadId id, uint64_t time_ns)
{
	Thread &thread = at(id);
	if (!thread.running)
		return;
	thread.running = false;
	Thread &caller = at(*thread.caller);
	std::erase(caller.workers, id);
	caller.work_ns += time_ns > thread.since_ns ? time_ns - thread.since_ns : 0;
}

void WorkerTime::lost()
{
	for (Thread &thread : threads_) {
		thread.running = false;
		thread.workers.clear();
	}
}

uint64_t WorkerTime::of(ThreadId id, uint64_t time_ns)
{
	if (!at(id).is_caller) {
		stop(id, time_ns);
		at(id).is_caller = true;
	}
	Thread &caller = at(id);
	for (const ThreadId worker_id : caller.workers) {
		Thread &worker = threads_[static_cast<std::size_t>(worker_id)];
		if (time_ns <= worker.since_ns)
			continue;
		caller.work_ns += time_ns - worker.since_ns;
		worker.since_ns = time_ns;
	}
	return caller.work_ns;
}

} // namespace neuroperf::analyzer
