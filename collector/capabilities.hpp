// SPDX-License-Identifier: Apache-2.0
// What `neuroperf doctor` tells: each thing a recording can use, whether this user has it on this machine, and what
// would make it work. Pure, from a host snapshot and further probes.
#pragma once

#include <vector>

#include "collector/host.hpp"
#include "collector/plan.hpp"

namespace neuroperf::collector {

// Found out by trying; errno of the attempt, 0 = works.
struct HostProbes {
	int whole_machine_error = 0; // an event on every task of a CPU
	int uprobe_error = 0;        // an event on an instruction of a program
	int tracefs_error = 0;       // reading the events folder
	int tracepoint_error = 0;    // an event with raw data, where the folder can be read
	std::string tracefs;         // where it is mounted; empty: nowhere
	bool control_groups = false; // a hierarchy that perf can use
	uint64_t open_files = 0;     // this process may have, by its hard limit
	unsigned ring_kib = 0;       // kernel.perf_event_mlock_kb, of rings a CPU and user
};

HostProbes probe_host(const HostSnapshot &host);

std::vector<PlanItem> capabilities(const HostSnapshot &host, const HostProbes &probes);

} // namespace neuroperf::collector
