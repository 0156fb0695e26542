// SPDX-License-Identifier: Apache-2.0
// How long each thread was on a CPU, and how often it left it, by the kernel's context-switch records.
//
// Records come in time order. What is between "in" and "out" counts; a thread that the recording finds on a CPU is
// there from the recording's begin, one that it leaves there to its end. Where one of the two is missing (records were
// lost, or the file is made up) nothing is guessed: the time is left out and counted as unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "analyzer/layers.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

class OnCpu {
public:
	struct Figures {
		uint64_t on_cpu_ns = 0;
		uint64_t switches = 0;  // times that the thread left a CPU, its end excepted
		uint64_t preempted = 0; // those at which it would have gone on
	};

	explicit OnCpu(const Threads &threads) : all_threads_(threads) {}

	// Only what falls inside counts.
	void set_window(const TimeWindow &window) { window_ = window; }
	// The moment from which on every switch is recorded; the first call counts. Nothing before it does.
	void begin(uint64_t time_ns);

	void switched_in(ThreadId thread, uint64_t time_ns) { switched_in(thread, time_ns, time_ns); }
	// It came already then, and nothing said so until now.
	void switched_in(ThreadId thread, uint64_t time_ns, uint64_t came_ns);
	void switched_out(ThreadId thread, uint64_t time_ns, bool preempted);
	// It runs a new program (exec), and may only now be recorded. Its process has no other threads any more: if
	// another one called exec, that one went on under the number of this.
	void starts(ThreadId thread, uint64_t time_ns);
	void ends(ThreadId thread, uint64_t time_ns);
	// A sample shows it on a CPU.
	void seen(ThreadId thread, uint64_t time_ns);
	// Records of any thread may be missing before the next one.
	void lost() { losses_++; }
	// From here on they are missing, of threads of which others come as well, until the end.
	void set_in_loss(bool in_loss)
	{
		in_loss_ = in_loss;
		lost();
	}
	void finish(uint64_t last_ns);

	// Absent: no record says whether it was on a CPU.
	std::optional<Figures> of(ThreadId thread) const;
	// Times on a CPU that were left out, as their begin or end is not known.
	uint64_t unknown() const { return unknown_; }

private:
	enum class State : uint8_t {
		as_before, // as it was when the recording began
		unknown,
		off,
		on,
		seen_on, // the same, but nobody saw it get there
		ended,
	};
	struct Thread {
		State state = State::as_before;
		bool known = false;
		uint64_t losses = 0;   // that it knows of
		uint64_t since_ns = 0; // on a CPU
		uint64_t newest_ns = 0;
		uint64_t left_ns = 0; // the last time, if it ever did
		Figures figures;
	};
	struct Start {
		ThreadId thread{};
		uint64_t time_ns = 0;
	};
	Thread &at(ThreadId thread, uint64_t time_ns);
	void learn_of_losses(Thread *thread);
	void learn_of_starts(ThreadId id, Thread *thread);
	void leave(Thread *thread, uint64_t time_ns);
	void add(Thread *thread, uint64_t from_ns, uint64_t to_ns) const;

	const Threads &all_threads_;
	std::unordered_map<uint32_t, Start> starts_; // the last of each ProcessId
	TimeWindow window_;
	std::optional<uint64_t> begin_ns_;
	uint64_t losses_ = 0;
	bool in_loss_ = false;
	uint64_t unknown_ = 0;
	std::vector<Thread> threads_; // by ThreadId
};

} // namespace neuroperf::analyzer
