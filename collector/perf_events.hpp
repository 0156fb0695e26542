// SPDX-License-Identifier: Apache-2.0
// Opens the planned events on every task and CPU, with one ring for each CPU that all events there share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/mapped_perf_ring.hpp"
#include "collector/multiplexing.hpp"
#include "collector/plan.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

class PerfEvents {
public:
	// `program`: the launched one, stopped before exec; used when the plan's target is a program. Events that wait
	// for an exec start with it; the others wait for enable(). All are inherited by what the tasks fork.
	// `filter`: of a plan that filters samples, the BPF program that does it; else -1.
	static Result<PerfEvents> open(const Plan &plan, int program, int filter = -1);

	// Of one planned event, on all tasks and CPUs.
	const std::vector<uint64_t> &ids(std::size_t event) const { return ids_[event]; }
	std::vector<int> descriptors() const; // to poll: readable when a ring fills
	void enable();
	// Only the first event, which tells of programs and mappings.
	void enable_side_band();
	void disable();
	// Returns how full the fullest ring was, 0 to 1.
	double drain(std::string *to, PerfRecordCounts *counts);

	// How long each event was enabled and has counted, what it was inherited by included.
	std::vector<EventTimes> times() const;

	std::size_t tasks_left_out() const { return tasks_left_out_; }
	std::size_t tasks_opened() const { return tasks_opened_; }

private:
	struct CpuRing {
		int output = -1; // the event that has the ring
		MappedPerfRing ring;
	};
	PerfEvents() = default;
	Status open_task(const Plan &plan, int task);
	UniqueFd open_as_precise_as_it_gets(const PlannedEvent &event, int task, unsigned cpu, int group,
					    unsigned long flags);
	Status open_on_cpu(const Plan &plan, int task, unsigned cpu);
	Status add_ring(const PlannedEvent &event, int fd, unsigned cpu, std::size_t pages);

	std::vector<UniqueFd> fds_;         // every event
	std::vector<EventPlace> places_;    // of each of them
	std::vector<int> side_band_;        // the first event, where it does not start by itself
	std::vector<int> leaders_;          // the others of that kind
	std::map<unsigned, CpuRing> rings_; // by CPU
	std::vector<std::vector<uint64_t>> ids_;
	std::size_t tasks_left_out_ = 0, tasks_opened_ = 0;
	int filter_ = -1;
	unsigned most_precise_ = 3;
};

} // namespace neuroperf::collector
