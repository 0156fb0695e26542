// SPDX-License-Identifier: Apache-2.0
// The events that record -e takes on this machine, as one writes them.
#pragma once

#include <string>
#include <vector>

#include "collector/requested_event.hpp"

namespace neuroperf::collector {

struct EventGroupList {
	std::string title; // "tracepoints"
	std::vector<std::string> events;
	std::string problem, remedy; // why there are none
};

// By kind: names of all PMUs, those of the kernel's PMUs, those that libpfm4 knows for this CPU, tracepoints.
std::vector<EventGroupList> list_events(const EventSources &sources);

// Without a wildcard: those that have it somewhere. Case does not matter.
bool matches_pattern(const std::string &event, const std::string &pattern);

} // namespace neuroperf::collector
