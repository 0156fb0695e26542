// SPDX-License-Identifier: Apache-2.0
// What probes in runtimes cost programs, hit by hit, and which of them are there so that it stays within the probe
// budget (probe_budget.hpp).
//
// After each draining of hits: add_hit for each, keep, and ask_after_bytes for when to be asked again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "bpf/runtime_event.h"
#include "collector/in_place_cost.hpp"
#include "collector/probe_budget.hpp"
#include "collector/probe_cost.hpp"
#include "collector/runtime_callers.hpp"
#include "collector/runtime_spans.hpp"
#include "collector/switched_probes.hpp"

namespace neuroperf::collector {

struct RuntimeBudgetCounts {
	// How long the runtimes were at work, how much of that layers, operators and phases were recorded, and how
	// often their probes were taken off: more than the probe budget allows would have cost.
	uint64_t watched_ns = 0, sampled_on_ns = 0, times_off = 0;
	bool ends_dropped = false;      // of layers that follow each other, likewise
	double share_of_kept = 0;       // what probes that stay may have cost, of the time of threads in runtimes
	uint64_t not_put_back = 0;      // places that the kernel refused when their probes were to be put back
	std::optional<double> in_place; // how many times the trial's cost hits had; nothing: too few have told
	double reckoned = InPlaceCost::kUsual;
};

class RuntimeBudget {
public:
	// `share`: of the time of threads at work in runtimes. What is referred to must stay.
	RuntimeBudget(double share, RuntimeSpans &spans, RuntimeCallers &callers, SwitchedProbes &probes)
		: budget_(share), spans_(spans), callers_(callers), probes_(probes)
	{
	}

	void set_costs(const ProbeCosts &costs) // as tried
	{
		costs_ = costs;
		in_place_.set_trial(costs.programs);
	}
	// What BPF programs have timed since: the budget is kept by what programs lose, not by the trial.
	void set_in_place(const ProgramTimes &timings) { in_place_.set_in_place(timings); }
	ProbeCosts costs_in_place() const { return in_place_.costs(costs_); }
	// What is taken off stays off: it cannot be put back in time.
	void drop_for_good() { budget_.drop_for_good(); }
	// Ends are seen from now on; ProbeBudget::forgive_once.
	void forgive_once() { budget_.forgive_once(); }

	void add_hit(const np_runtime_event &event, HitClass hit);
	// What was hit has been drained: what it has cost is known. Takes probes off, or puts them back.
	void keep(uint64_t now_ns, const RuntimeSpans::Emit &emit);
	// How full a ring is when the budget may have been used up, by hits into as many rings as are in use.
	uint64_t ask_after_bytes(std::size_t rings_in_use, uint64_t ring_bytes) const;

	double share() const { return budget_.share(); }
	RuntimeBudgetCounts counts() const;

private:
	ProbeBudget budget_;
	ProbeCosts costs_;
	InPlaceCost in_place_;
	RuntimeSpans &spans_;
	RuntimeCallers &callers_;
	SwitchedProbes &probes_;
	bool ends_dropped_ = false;
	uint64_t not_put_back_ = 0;
};

} // namespace neuroperf::collector
