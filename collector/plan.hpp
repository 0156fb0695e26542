// SPDX-License-Identifier: Apache-2.0
// What a recording will open, and what not, why, and what would help. Pure: computed from options, a host snapshot, the
// target and the events asked for; printed by --dry-run, stored in the recording, carried out by the Recorder.
#pragma once

#include <linux/perf_event.h>

#include <optional>
#include <string>
#include <vector>

#include "collector/driver_places.hpp"
#include "collector/host.hpp"
#include "collector/options.hpp"
#include "collector/requested_event.hpp"
#include "collector/runtime_description.hpp"
#include "collector/target.hpp"
#include "recording/tracing_data.hpp"

namespace neuroperf::collector {

struct PlannedEvent {
	perf_event_attr attr = {};
	std::string name;           // as perf calls it: "cycles", "cpu-clock:u"
	std::size_t leader = 0;     // index of the event it counts together with; its own if alone
	std::vector<unsigned> cpus; // where it is opened
	std::optional<std::string> tracepoint_format;
	std::string tracepoint_system;
	bool most_precise = false;             // attr.precise_ip is what to try first; less will do
	bool weak_group = false;               // where the group cannot be opened, its events are alone
	bool by_bpf = false;                   // a tracepoint whose events a BPF program copies
	bool everywhere = false;               // by it, not of the recorded processes alone
	bool of_host = false;                  // everywhere, and of devices alone: one recorder of a host will do
	std::vector<uint32_t> text_pointers{}; // offsets of fields that it makes texts of
	std::optional<std::string> recorded_format{}; // then, else the tracepoint's
	std::optional<PlannedProbe> probe{};          // a made tracepoint: a driver's, by it

	bool leads(std::size_t own_index) const { return leader == own_index; }
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
	Target target;
	// The first carries the side band: programs, mappings, tasks. Empty: no samples, in-process events alone.
	std::vector<PlannedEvent> events;
	unsigned frequency_hz = 0;    // of events that are sampled by it
	std::size_t ring_pages = 128; // data pages of each CPU's perf ring: 512 KiB, what perf takes unprivileged
	bool counter_clock = true;    // in-process stamps from the CPU's counter, else clock_gettime
	bool attach = false;          // to the probes of processes that run already
	std::vector<RuntimeDescription> runtimes; // to look for in what processes map
	std::vector<std::string> drivers{};       // whose events are recorded, by names of descriptions
	double probe_budget = 1;                  // share of a thread's time that their probes may cost
	bool begins_only = false;                 // of layers that follow each other; else when that keeps the budget
	bool agent = false;               // some of their functions are called by way of an agent in the program
	bool filters_samples = false;     // events on whole CPUs, and a BPF program that keeps the target's samples
	bool anatomy = false;             // switches of threads by a BPF program, with what they wait for
	bool anatomy_with_stacks = false; // and where they were as they left
	bool kernel_map = false;          // kernel addresses can be named
	std::optional<InvokingUser> run_as;
	std::vector<PlanItem> items;

	// Events of weak groups lead themselves from now on. False: there were none.
	bool dissolve_weak_groups();
	// The first event that samples, by name; empty if none does.
	std::string sampling_name() const;
	// Names of events that are `of_host`.
	std::vector<std::string> host_events() const;
	// Formats of all tracepoints among the events.
	std::vector<recording::TracingSystem> tracing_systems() const;
};

// Why the kernel refuses perf events or BPF programs, for people.
std::string reason_of(int error);
// "a, b, c, d and 13 more", for people.
std::string some_of(const std::vector<std::string> &names);

Plan make_plan(const RecordOptions &options, const HostSnapshot &host, const Target &target = {},
	       const std::vector<EventGroup> &requested = {});

} // namespace neuroperf::collector
