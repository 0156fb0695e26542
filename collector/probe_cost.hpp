// SPDX-License-Identifier: Apache-2.0
// What one hit of a probe in a runtime costs the program, on this machine and with these BPF programs.
//
// A hit's time is taken inside it: of an entry at the end of the BPF program, of a return at its beginning. What comes
// before that moment lies in front of it on the time line, what comes after lies behind it, perhaps inside the layer
// that has just begun; so a cost has two parts.
//
// The recorder lets its own process hit the programs a few thousand times, at functions of its own that nobody else
// calls, before they are attached anywhere else. They do what they do elsewhere, for a place that reads nothing and for
// one whose layers are told apart by one pointer and have a name that is known already, and write to the ring, from
// which those events are thrown away. Left out, because nobody knows it beforehand: caches that the program has filled
// with other things, several threads at one probe, places that read more, names told for the first time, and two places
// in one function, which share a trap.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/runtime_event.h"
#include "collector/probe_placer.hpp"
#include "collector/uprobe.hpp"

struct runtime_events_bpf;

namespace neuroperf::collector {

class TimedRings;

// Probes cost what the program behind them and the instruction under them make them cost.
struct HitClass {
	enum class At {
		entry = NP_TIMED_ENTRY,
		named_entry = NP_TIMED_NAMED_ENTRY, // of a place that reads names
		staying_entry =
			NP_TIMED_STAYING_ENTRY, // of one that need not, since they stay (RuntimePlace::names_stay_us)
		behind_call = NP_TIMED_RETURN,
	};
	At at = At::entry;
	ProbeCost cost = ProbeCost::emulated;
};
constexpr std::size_t kProbeCosts = 4, kHitClasses = NP_TIMED_KINDS * kProbeCosts;
constexpr std::size_t index_of(HitClass hit)
{
	return static_cast<std::size_t>(hit.at) * kProbeCosts + static_cast<std::size_t>(hit.cost);
}
constexpr HitClass hit_class(std::size_t index)
{
	return {static_cast<HitClass::At>(index / kProbeCosts), static_cast<ProbeCost>(index % kProbeCosts)};
}
std::string_view to_string(HitClass hit); // "emulated entry"

struct HitCost {
	uint64_t before_ns = 0; // until the time of the event is taken
	uint64_t after_ns = 0;  // until the program goes on
	uint64_t total_ns() const { return before_ns + after_ns; }
};

// By enum np_timed.
struct ProgramTime {
	uint64_t hits = 0, ns = 0; // of all of them
};
using ProgramTimes = std::array<ProgramTime, NP_TIMED_KINDS>;

struct ProbeCosts {
	std::array<std::optional<HitCost>, kHitClasses> hits; // empty: not known, or there are none of the kind here
	ProgramTimes programs{};                              // what of it was the BPF program's own time, of some hits
	std::string why_unknown = "not measured";             // if so; never empty
	uint64_t took_ns = 0;                                 // to find out

	const std::optional<HitCost> &of(HitClass hit) const { return hits[index_of(hit)]; }
	bool known() const;
};

// For a loaded program of which nothing is attached yet; leaves it as it was. Takes 4 to 15 ms, at most 25 ms of CPU
// time and 100 ms. `used`: the probes, which can be let go of any time; that takes long with UprobeKind::perf.
ProbeCosts measure_probe_costs(runtime_events_bpf *program, TimedRings *rings, UprobeKind kind,
			       bool wide_nops_are_calls, std::vector<Uprobe> *used);

// What single hits tell, in batches: medians of the batches' means, without what reading the clock costs.
struct TimedHit {
	uint64_t before_ns = 0, event_ns = 0, after_ns = 0; // moments
};
std::optional<HitCost> cost_of(const std::vector<std::vector<TimedHit>> &batches, uint64_t clock_read_ns);

} // namespace neuroperf::collector
