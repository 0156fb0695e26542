// SPDX-License-Identifier: Apache-2.0
// The BPF programs behind probes in runtimes (bpf/runtime_events.bpf.c), loaded, the rings that they write to, and what
// a hit costs here.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "collector/bpf_support.hpp"
#include "collector/plan.hpp"
#include "collector/probe_cost.hpp"
#include "collector/timed_rings.hpp"
#include "collector/uprobe.hpp"
#include "collector/uprobe_disposal.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

struct runtime_events_bpf;

namespace neuroperf::collector {

Error runtime_program_error(std::string_view doing, int code);

class RuntimeProgram {
public:
	// `plan` must stay. `cpus`: at least one. `ring_bytes`: of each, about.
	RuntimeProgram(const Plan &plan, std::vector<unsigned> cpus, std::size_t ring_bytes);
	RuntimeProgram(const RuntimeProgram &) = delete;
	RuntimeProgram &operator=(const RuntimeProgram &) = delete;
	~RuntimeProgram();

	// Takes some 200 ms: the kernel looks at all of it, and it is tried what a hit costs.
	Status load();
	void unload();
	bool is_loaded() const { return rings_.has_value(); }
	// Those that run are marked, and from here on their children.
	Status follow();
	// Hits of recorded processes count.
	void enable(bool on);

	// Once it is loaded.
	runtime_events_bpf *get() const { return program_.get(); }
	runtime_events_bpf *operator->() const { return program_.get(); }
	TimedRings &rings() { return *rings_; }
	std::size_t ring_bytes() const { return ring_bytes_; } // of each CPU
	UprobeKind kind() const { return kind_; }
	bool wide_nops_are_calls() const { return wide_nops_are_calls_; }
	ProbeCosts &costs() { return costs_; }
	const ProbeCosts &costs() const { return costs_; }
	// By the programs themselves, of some hits; they may be adding to them.
	ProgramTimes times() const;
	uint64_t recursion_misses() const;
	// The probes by which costs were measured are gone. Letting go of them goes on beside other work, but holds up
	// processes that begin.
	void finish_trial() { trial_probes_.finish(); }

	int wakeups() const { return wakeups_.get(); } // readable when a ring asks to be drained
	// Whether one has asked since the last time.
	bool asks();

private:
	struct Close {
		void operator()(runtime_events_bpf *program) const;
	};
	Status load_for(UprobeKind kind);
	MappedRingMaps ring_maps() const;

	const Plan &plan_;
	const std::vector<unsigned> cpus_;
	std::size_t ring_bytes_;
	std::unique_ptr<runtime_events_bpf, Close> program_;
	std::optional<TimedRings> rings_;
	std::vector<BpfLink> links_;
	UprobeKind kind_ = UprobeKind::perf;
	bool wide_nops_are_calls_ = false;
	ProbeCosts costs_;
	UprobeDisposal trial_probes_;
	UniqueFd wakeups_;
};

} // namespace neuroperf::collector
