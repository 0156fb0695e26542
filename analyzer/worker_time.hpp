// SPDX-License-Identifier: Apache-2.0
// CPU time of threads that work for others: whose layers it belongs to.
//
// A thread that tells of layers is a caller. Another one of its process works for the caller that woke it last, or for
// whom the thread works that did, or that started it. What it does without being woken again, it does for the same.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

class WorkerTime {
public:
	// In time order. `woken_by`: a thread of its own process.
	void started(ThreadId thread, ThreadId by);
	void switched_in(ThreadId thread, uint64_t time_ns, std::optional<ThreadId> woken_by);
	void switched_out(ThreadId thread, uint64_t time_ns);
	// Nobody knows who runs now.
	void lost();
	// Of all that work for a caller, up to now.
	uint64_t of(ThreadId caller, uint64_t time_ns);

private:
	struct Thread {
		bool is_caller = false;
		bool running = false; // for its caller
		std::optional<ThreadId> caller{};
		uint64_t since_ns = 0;
		uint64_t work_ns = 0;            // done for this caller
		std::vector<ThreadId> workers{}; // that run for this caller
	};
	Thread &at(ThreadId thread);
	std::optional<ThreadId> caller_of(ThreadId thread);
	void stop(ThreadId thread, uint64_t time_ns);

	std::vector<Thread> threads_; // by ThreadId
};

} // namespace neuroperf::analyzer
