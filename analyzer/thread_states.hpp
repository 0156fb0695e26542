// SPDX-License-Identifier: Apache-2.0
// What state each thread was in, for how long: a partition of its time, by the records of switches and by what the
// thread itself tells (who enters a layer is on a CPU).
//
// All times of a thread add up to the time of its last event, to the nanosecond: nothing is got by subtraction. Where
// records were lost its time is `unknown` until the next one. What it waited for is known when it runs again, so a stay
// off the CPU is counted as a whole then.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "analyzer/threads.hpp"
#include "analyzer/worker_time.hpp"
#include "recording/wait_rules.hpp"

namespace neuroperf::analyzer {

enum class ThreadState : uint8_t {
	on_cpu,
	interrupts,   // on its CPU something else was done meanwhile
	runnable,     // off it, and would have gone on
	npu_queue,    // it left its CPU by itself while jobs that it queued wait for a device, and none runs
	npu_run,      // the same, and one of them runs
	device,       // it waits for the driver of a character device
	io,           // ... disks, files, the network
	fault,        // ... a page that is not in memory
	workers_run,  // ... a thread of its own process, which was on a CPU meanwhile
	workers_wait, // ... the same, which was not
	others,       // ... another process
	peers,        // ... a thread or process; which one is not known
	sleep,        // ... time
	blocked,      // it left its CPU by itself; for what is not known
	unknown
};
constexpr std::size_t kThreadStates = 15;

// What must have been recorded for a state to be told from others.
enum class Needs : uint8_t {
	switches,
	waits,   // and what threads wait for
	devices, // and events of a driver
};
struct StateInfo {
	std::string_view key;  // "on_cpu": of columns, "on_cpu_ns"
	std::string_view name; // for people
	Needs needs;
};
const StateInfo &info(ThreadState state);
constexpr ThreadState thread_state(std::size_t index)
{
	return static_cast<ThreadState>(index);
}

// What a recording has for telling states apart, beside switches.
struct RecordedStates {
	bool waits = false, devices = false;
	bool has(ThreadState state) const;
};

// Of the jobs that a thread has queued at accelerators.
enum class DeviceWork : uint8_t { none, queued, running };

// Nanoseconds by state.
struct StateTimes {
	std::array<uint64_t, kThreadStates> ns{};
	uint64_t workers_ns = 0; // CPU time of other threads that worked for this one meanwhile (worker_time.hpp)

	uint64_t &operator[](ThreadState state) { return ns[static_cast<std::size_t>(state)]; }
	uint64_t operator[](ThreadState state) const { return ns[static_cast<std::size_t>(state)]; }
	uint64_t sum() const; // of the states
	StateTimes &operator+=(const StateTimes &other);
	StateTimes operator-(const StateTimes &earlier) const; // of the same thread
};

// Who woke a thread, and when.
struct Wakeup {
	uint64_t time_ns = 0; // 0: nobody knows
	recording::WokenBy by = recording::WokenBy::unknown;
	std::optional<ThreadId> own_thread{}; // a thread of its own process
	bool of_other_process = false;
	std::optional<ThreadId> thread{}; // whoever it was
};

class ThreadStates {
public:
	// The clocks of the program and of the kernel's records agree so far.
	static constexpr uint64_t kSkewNs = 2000;

	// What waits are for, of recordings that tell of them.
	void set_rules(recording::WaitRules rules) { rules_ = std::move(rules); }

	// In time order. How long it took to get a CPU after it was woken, where that is known.
	std::optional<uint64_t> switched_in(ThreadId thread, uint64_t time_ns, const Wakeup &wakeup = {});
	// `preempted`: it would have gone on. `wait`: what the thread was doing, where that was recorded.
	void switched_out(ThreadId thread, uint64_t time_ns, bool preempted,
			  const std::optional<recording::Wait> &wait = {});
	// Interrupts had the thread's CPU.
	void interrupted(ThreadId thread, uint64_t begin_ns, uint64_t end_ns);
	// What becomes of the jobs that it has queued; the time in which it is blocked meanwhile is a wait for them.
	void has_work(ThreadId thread, uint64_t time_ns, DeviceWork work);
	// A thread of its process has started it.
	void started(ThreadId thread, ThreadId by) { workers_.started(thread, by); }
	// Records of any thread may be missing before the next one.
	void lost();
	// From here on they are missing, of threads of which others come as well, until the end.
	void begin_loss();
	void end_loss();
	// As of its last event. While it is off its CPU this stay is not in them.
	StateTimes times(ThreadId thread) const;
	// The thread tells something itself, so it is on a CPU: its times so far.
	StateTimes runs(ThreadId thread, uint64_t time_ns);

private:
	enum class Stay : uint8_t { unknown, on, off };
	struct WorkChange {
		uint64_t time_ns;
		DeviceWork work; // from then on
	};
	struct Away {
		uint64_t out_ns, in_ns;
	};
	static constexpr std::size_t kRemembered = 32; // stays off a CPU
	struct Thread {
		Stay stay = Stay::unknown;
		DeviceWork work = DeviceWork::none; // as of the last change
		bool preempted = false;             // of the stay off
		std::optional<recording::Wait> wait;
		uint64_t since_ns = 0;    // up to here it is in `times`
		uint64_t known_ns = 0;    // from here on its stays are known
		uint64_t losses = 0;      // that it knows of
		DeviceWork work_at_out{}; // of the stay off, and what changed meanwhile:
		std::vector<WorkChange> changes{};
		bool too_many_changes = false;
		std::vector<Away> away{}; // the last kRemembered, in turn
		uint64_t aways = 0;
		StateTimes times;
	};
	Thread &at(ThreadId thread);
	static bool ended_wait(const Thread &thread, const Wakeup &wakeup, uint64_t time_ns);
	void count(Thread *thread, ThreadState state, uint64_t until_ns);
	void end_stay(Thread *thread, uint64_t time_ns, const Wakeup &wakeup);
	void leave_off(Thread *thread, uint64_t time_ns);
	void count_wait(Thread *thread, uint64_t until_ns, const Wakeup &wakeup);
	void count_wait_for_workers(Thread *thread, uint64_t until_ns, ThreadId worker);
	void remember(Thread *thread, Away away);
	void forget_changes(Thread *thread);

	recording::WaitRules rules_;
	WorkerTime workers_;
	std::vector<Thread> threads_; // by ThreadId
	std::size_t changes_ = 0;     // kept, of all threads
	uint64_t losses_ = 0;
	bool in_loss_ = false;
};

} // namespace neuroperf::analyzer
