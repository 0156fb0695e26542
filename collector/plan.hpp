// SPDX-License-Identifier: Apache-2.0
// What a recording will open, and what not, why, and what would help. Pure: computed from options and a host snapshot,
// printed by --dry-run, stored in the recording, carried out by the Recorder.
#pragma once

#include <linux/perf_event.h>

#include <optional>
#include <string>
#include <vector>

#include "collector/host.hpp"
#include "collector/options.hpp"

namespace neuroperf::collector {

struct PlannedSampling {
	perf_event_attr attr = {};
	std::string name; // as perf calls it: "cycles", "cpu-clock:u"
};

struct PlanItem {
	enum class State { open, degraded, missing };
	std::string what; // "sampling", "in-process events"
	State state = State::open;
	std::string detail; // what exactly, or why not
	std::string remedy; // what would make it better; empty if nothing is missing
};
std::string to_string(PlanItem::State state);

struct Plan {
	std::optional<PlannedSampling> sampling; // nullopt: no samples, in-process events alone
	std::vector<unsigned> cpus;
	std::size_t ring_pages = 128; // data pages of each CPU's perf ring: 512 KiB, what perf takes unprivileged
	bool counter_clock = true;    // in-process stamps from the CPU's counter, else clock_gettime
	bool kernel_map = false;      // kernel addresses can be named
	std::optional<InvokingUser> run_as;
	std::vector<PlanItem> items;
};

Plan make_plan(const RecordOptions &options, const HostSnapshot &host);

} // namespace neuroperf::collector
