// SPDX-License-Identifier: Apache-2.0
// Tracepoints from tracefs: "sched:sched_switch", and patterns in either part ("sched:sched_*", "*:*_wait").
// The text of an event's format goes along, since a recording of it carries it.
#pragma once

#include <string>
#include <vector>

#include "collector/requested_event.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// True if tracefs can be read and has this system. For telling tracepoints from libpfm4's names with a colon.
bool has_tracepoint_system(const std::string &system, const EventSources &sources);

struct TracepointName {
	std::string system, name;
};

// All that tracefs has, sorted. The error says why it cannot be read, and what would help.
Result<std::vector<TracepointName>> tracepoint_names(const EventSources &sources);

// By names, sorted; at most kMaxRequestedEvents, else an error. Their names are "system:name".
Result<std::vector<RequestedEvent>> tracepoint_events(const std::string &system, const std::string &name,
						      const EventSources &sources);

} // namespace neuroperf::collector
