// SPDX-License-Identifier: Apache-2.0
// One event as `neuroperf record -e` asks for it: what its text says, in the kernel's terms. How it samples or counts
// (period, sample_type, ring, inheritance) is the plan's business, except where the text itself says so.
#pragma once

#include <linux/perf_event.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recording/perf_layout.hpp"

namespace neuroperf::collector {

// Where the names of events come from. Tests point the folders at trees of their own.
struct EventSources {
	std::string pmu_folder = "/sys/bus/event_source/devices";
	std::string tracefs; // empty: where the kernel has it
	bool use_pfm = true; // ask libpfm4 for what neither perf nor the kernel names
};

constexpr std::size_t kMaxRequestedEvents = 1000;

struct RequestedEvent {
	// type, config*, exclude_*, precise_ip, pinned, exclusive, size. exclude_guest is set as perf sets it: unless
	// modifiers speak of host, guest or kernel.
	perf_event_attr attr = {};
	std::string name;                     // what the user typed, or what name= says
	std::optional<uint64_t> period;       // period= of an event: a sample each so many
	std::optional<uint64_t> frequency_hz; // freq=
	bool most_precise = false;            // P: precise_ip is 3; take less if the kernel refuses
	bool sample_group = false;            // S: only the leader samples, with the counts of its whole group
	bool weak_group = false;              // W: if the group cannot be opened, open its events alone
	std::vector<unsigned> cpus;           // of a PMU that counts on these only; empty: any
	double scale = 1;                     // a count times this is in `unit`
	std::string unit;                     // "Joules"; empty: a number of events

	// Of a tracepoint: the recording carries the text of its format.
	std::string tracepoint_system, tracepoint_name;
	std::optional<std::string> tracepoint_format;
};

// As perf starts: guests do not count.
inline RequestedEvent requested_event(uint32_t type, uint64_t config)
{
	RequestedEvent event;
	event.attr.size = recording::kAttrSize;
	event.attr.type = type;
	event.attr.config = config;
	event.attr.exclude_guest = 1;
	return event;
}

// One event, or several that are counted together; the first leads.
struct EventGroup {
	std::string name; // of "name{a,b}"; mostly empty
	std::vector<RequestedEvent> events;
};

} // namespace neuroperf::collector
