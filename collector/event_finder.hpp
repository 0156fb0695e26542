// SPDX-License-Identifier: Apache-2.0
// What the name of one event means: asks perf's generic names, raw codes, the PMUs' own events, tracefs and libpfm4, in
// this order. Splits off the modifiers of a name without slashes, since that needs the knowledge of what is a name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/event_grammar.hpp"
#include "collector/pmu_folder.hpp"
#include "collector/requested_event.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

class EventFinder {
public:
	using Events = std::vector<RequestedEvent>;

	// With a PMU of a hybrid CPU, generic events are that PMU's. Both must outlive this.
	EventFinder(const EventSources &sources, const PmuFolder *hybrid) : sources_(sources), hybrid_(hybrid) {}

	// At least one event; *modifiers are those that the text ends in, still to be applied.
	// The error lacks the event's text.
	Result<Events> find(const WrittenEvent &written, std::string *modifiers);

	// What was found last is the hybrid PMU's: the other PMUs' are to be found too.
	bool used_hybrid() const { return used_hybrid_; }

private:
	std::optional<RequestedEvent> plain(const std::string &name, const std::string &text);
	Result<Events> with_terms(const WrittenEvent &written);
	Result<Events> bare(const WrittenEvent &written, std::string *modifiers);
	Result<Events> from_kernel(const std::string &name, const std::string &text);
	Error unknown(const std::string &name) const;

	const EventSources &sources_;
	const PmuFolder *hybrid_;
	bool used_hybrid_ = false;
};

} // namespace neuroperf::collector
