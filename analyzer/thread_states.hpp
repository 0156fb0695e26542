// SPDX-License-Identifier: Apache-2.0
// What state each thread was in, for how long: a partition of its time, by the kernel's context-switch records and by
// what the thread itself tells (who enters a layer is on a CPU).
//
// All times of a thread add up to the time of its last event, to the nanosecond: nothing is got by subtraction. Where
// records were lost its time is `unknown` until the next one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

enum class ThreadState : uint8_t {
	on_cpu,
	runnable,  // it was taken off its CPU and would have gone on
	npu_queue, // it left its CPU by itself while jobs that it queued wait for a device, and none runs
	npu_run,   // the same, and one of them runs
	blocked,   // it left its CPU by itself otherwise: it waits for something
	unknown
};
constexpr std::size_t kThreadStates = 6;

// Of the jobs that a thread has queued at accelerators.
enum class DeviceWork : uint8_t { none, queued, running };

// Nanoseconds by state.
struct StateTimes {
	std::array<uint64_t, kThreadStates> ns{};

	uint64_t &operator[](ThreadState state) { return ns[static_cast<std::size_t>(state)]; }
	uint64_t operator[](ThreadState state) const { return ns[static_cast<std::size_t>(state)]; }
	uint64_t sum() const;
	StateTimes &operator+=(const StateTimes &other);
	StateTimes operator-(const StateTimes &earlier) const; // of the same thread
};

class ThreadStates {
public:
	// The clocks of the program and of the kernel's records agree so far.
	static constexpr uint64_t kSkewNs = 2000;

	// In time order.
	void switched_in(ThreadId thread, uint64_t time_ns) { change(thread, time_ns, ThreadState::on_cpu); }
	void switched_out(ThreadId thread, uint64_t time_ns, bool preempted)
	{
		change(thread, time_ns, preempted ? ThreadState::runnable : ThreadState::blocked);
	}
	// What becomes of the jobs that it has queued; the time in which it is blocked meanwhile is a wait for them.
	void has_work(ThreadId thread, uint64_t time_ns, DeviceWork work) { advance(thread, time_ns).work = work; }
	// Records of any thread may be missing before the next one.
	void lost() { losses_++; }
	// The thread tells something itself, so it is on a CPU: its times so far.
	StateTimes runs(ThreadId thread, uint64_t time_ns);

private:
	struct Thread {
		ThreadState state = ThreadState::unknown;
		DeviceWork work = DeviceWork::none;
		uint64_t since_ns = 0;   // up to here it is in `times`
		uint64_t changed_ns = 0; // when the state began
		uint64_t losses = 0;     // that it knows of
		StateTimes times;
	};
	Thread &advance(ThreadId thread, uint64_t time_ns);
	void change(ThreadId thread, uint64_t time_ns, ThreadState state);

	std::vector<Thread> threads_; // by ThreadId
	uint64_t losses_ = 0;
};

} // namespace neuroperf::analyzer
