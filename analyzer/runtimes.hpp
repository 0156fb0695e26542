// SPDX-License-Identifier: Apache-2.0
// What the recorder says of runtimes that nobody rebuilt: how much of each was found, how often probes in it were hit,
// and what one hit costs. The recorder tells it again and again; the last word counts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

// Probes of one class: "emulated entry".
struct RuntimeProbesOfClass {
	std::string name, why_unknown; // empty: what a hit costs is known
	uint64_t hits = 0;
	uint64_t before_ns = 0, after_ns = 0; // of each hit: until its time is taken, and from there on

	bool known() const { return why_unknown.empty(); }
	uint64_t hit_ns() const { return before_ns + after_ns; }
};

// One file in which a runtime was recognised.
struct RecordedRuntime {
	std::string name, title, file;
	uint64_t places = 0, places_found = 0;
	uint64_t functions = 0, functions_attached = 0, functions_stepped = 0;
	std::map<std::string, RuntimeProbesOfClass> probes{};

	uint64_t hits() const;
	// Hits times what one costs; hits of unknown cost are not in it. Absent: of none it is known.
	std::optional<uint64_t> cost_ns() const;
};

class Runtimes {
public:
	// A number too large is damage, and ignored.
	void tell(uint64_t number, RecordedRuntime facts);
	void tell_probes(uint64_t number, RuntimeProbesOfClass probes);

	const std::map<uint64_t, RecordedRuntime> &all() const { return runtimes_; }
	uint64_t hits() const;
	std::optional<uint64_t> cost_ns() const;
	// Hits of which nobody knows what they cost, and why, of one of them.
	uint64_t hits_of_unknown_cost(std::string *why) const;

private:
	std::map<uint64_t, RecordedRuntime> runtimes_;
};

// What the costs are a share of: the CPU time of all recorded threads if it is known, else the time of the recording.
struct RecordedTime {
	uint64_t ns = 0;
	bool is_cpu = false;
};

// The table "runtimes" of the report; without rows if there are none.
Table make_runtimes(const Runtimes &runtimes, const RecordedTime &recorded);

} // namespace neuroperf::analyzer
