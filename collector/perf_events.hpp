// SPDX-License-Identifier: Apache-2.0
// Opens one sampling event per CPU on a process and its future children, with a ring each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/perf_ring.hpp"
#include "collector/plan.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

class PerfEvents {
public:
	// The events start when `pid` executes a program (enable_on_exec) and are inherited by what it forks.
	static Result<PerfEvents> open(const Plan &plan, int pid);
	PerfEvents(PerfEvents &&) noexcept;
	PerfEvents &operator=(PerfEvents &&) = delete;
	~PerfEvents();

	const std::vector<uint64_t> &ids() const { return ids_; }
	std::vector<int> descriptors() const; // to poll: readable when a ring fills
	void drain(std::string *to, PerfRecordCounts *counts);
	void disable();

private:
	struct CpuEvent {
		UniqueFd fd;
		void *map = nullptr;
		PerfRing ring;
	};
	PerfEvents() = default;

	std::vector<CpuEvent> cpus_;
	std::vector<uint64_t> ids_;
	std::size_t map_size_ = 0;
};

} // namespace neuroperf::collector
