// SPDX-License-Identifier: Apache-2.0
// What `-e` takes on this machine, by kinds: the kernel's generic events, those of its PMUs in sysfs, libpfm4's, and
// tracepoints. Each name is as one writes it; what the text of an event means is asked of event_syntax.hpp, so that
// nothing is listed as there which a recording would refuse.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "collector/event_trial.hpp"
#include "collector/requested_event.hpp"
#include "collector/word_filter.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

struct CataloguedEvent {
	std::string text;              // what -e takes
	std::vector<std::string> also; // other words for the same
	std::string terms;             // of a PMU's event, what it stands for: "event=0x3c,umask=0x1"
	Availability here;
};

// Events of one PMU, of one system of tracepoints.
struct EventFamily {
	std::string name;
	std::vector<CataloguedEvent> events;
};

struct EventKind {
	std::string heading;                 // "Tracepoints"
	std::string noun;                    // "tracepoint", of which there are so many
	std::vector<EventFamily> families{}; // none is empty
	std::optional<Error> missing{};      // why none of this kind can be named here

	std::size_t count() const;
};

using EventTrial = std::function<Availability(const RequestedEvent &)>;

// Every kind, whether it has events that the filter takes or not. A filter may speak of the whole text, or of the name
// behind its PMU or system. Tracepoints are not tried: the kernel needs milliseconds to close each.
std::vector<EventKind> list_events(const EventSources &sources, const WordFilter &filter,
				   const EventTrial &trial = try_event);

} // namespace neuroperf::collector
