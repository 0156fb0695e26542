// SPDX-License-Identifier: Apache-2.0
// When threads leave a CPU and get one, why they left and who woke them, and interrupts meanwhile, by BPF programs: for
// the anatomy of their time. Where these cannot be had the kernel's context-switch records tell of switches alone.
//
// One thread. In each round: drain.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "collector/own_event_encoder.hpp"
#include "collector/plan.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

struct LossPeriod {
	uint64_t begin_ns = 0, end_ns = 0;
};

struct ThreadSwitchesCounts {
	uint64_t events = 0;
	uint64_t dropped = 0;          // a ring was full, or more threads were there than are followed
	uint64_t recursion_misses = 0; // the program was running on that CPU already
	uint64_t bad_records = 0;      // no event of ours in a ring

	uint64_t lost() const { return dropped + recursion_misses + bad_records; }
};

class ThreadSwitches {
public:
	// `program`: the launched one, stopped before exec, whose switches count from its exec on; else those of the
	// plan's target. Nothing is recorded until enable().
	static Result<ThreadSwitches> open(const Plan &plan, pid_t program, std::size_t ring_bytes);
	ThreadSwitches(ThreadSwitches &&other) noexcept;
	ThreadSwitches &operator=(ThreadSwitches &&) = delete;
	~ThreadSwitches();

	void enable();
	void disable();
	int descriptor() const; // to poll: readable when a ring fills
	// Returns how full the fullest ring was, 0 to 1.
	double drain(OwnEventEncoder *encoder);
	const ThreadSwitchesCounts &counts() const;
	// When switches began and ceased to be lost, of those that drain() has counted since this was called last.
	// Empty: their time is not known.
	std::optional<LossPeriod> take_loss_period();

private:
	struct Impl;
	explicit ThreadSwitches(std::unique_ptr<Impl> impl);

	std::unique_ptr<Impl> impl_;
};

} // namespace neuroperf::collector
