// SPDX-License-Identifier: Apache-2.0
#include "collector/event_syntax.hpp"

#include <fmt/format.h>

#include "collector/event_finder.hpp"
#include "collector/event_grammar.hpp"
#include "collector/event_modifiers.hpp"

namespace neuroperf::collector {
namespace {

Error of_event(const std::string &text, Error error)
{
	constexpr std::size_t kShownBytes = 200;
	error.what = fmt::format("event \"{}{}\": {}", text.substr(0, kShownBytes),
				 text.size() > kShownBytes ? "..." : "", error.what);
	return error;
}

// CPUs with cores of several kinds have a PMU for each kind (cpu_core, cpu_atom). A generic event given to the kernel
// without the PMU's type counts on one kind only.
std::vector<PmuFolder> hybrid_pmus(const EventSources &sources)
{
	std::vector<PmuFolder> hybrids;
	for (const std::string &name : PmuFolder::list(sources.pmu_folder)) {
		if (!name.starts_with("cpu_"))
			continue;
		Result<PmuFolder> pmu = PmuFolder::open(sources.pmu_folder, name);
		if (pmu.ok() && !pmu->cpus().empty())
			hybrids.push_back(std::move(*pmu));
	}
	return hybrids;
}

// The groups of one written group: one, except that a pattern without braces is as many.
Status append_groups(const WrittenGroup &written, EventFinder *finder, bool *used_hybrid,
		     std::vector<EventGroup> *groups)
{
	EventGroup group{written.name, {}};
	for (const WrittenEvent &one : written.events) {
		std::string modifiers;
		Result<std::vector<RequestedEvent>> events = finder->find(one, &modifiers);
		if (!events.ok())
			return of_event(one.text, events.error());
		*used_hybrid |= finder->used_hybrid();
		for (RequestedEvent &event : *events) {
			const bool leads = !written.braces || group.events.empty();
			if (Status applied = apply_modifiers(modifiers, written.modifiers, leads, &event);
			    !applied.ok())
				return of_event(one.text, applied.error());
			group.events.push_back(std::move(event));
		}
	}
	if (written.braces) {
		groups->push_back(std::move(group));
		return Done{};
	}
	for (RequestedEvent &event : group.events) {
		groups->push_back({});
		groups->back().events.push_back(std::move(event));
	}
	return Done{};
}

Status append_groups(const WrittenGroup &written, const EventSources &sources, const std::vector<PmuFolder> &hybrids,
		     std::vector<EventGroup> *groups)
{
	std::size_t i = 0;
	do {
		EventFinder finder(sources, hybrids.empty() ? nullptr : &hybrids[i]);
		bool used_hybrid = false;
		if (Status appended = append_groups(written, &finder, &used_hybrid, groups); !appended.ok())
			return appended;
		if (!used_hybrid)
			break;
	} while (++i < hybrids.size());
	return Done{};
}

} // namespace

Result<std::vector<EventGroup>> parse_events(const std::vector<std::string> &texts, const EventSources &sources)
{
	const std::vector<PmuFolder> hybrids = hybrid_pmus(sources);
	std::vector<EventGroup> groups;
	std::size_t counted = 0, events = 0;
	for (const std::string &text : texts) {
		Result<std::vector<WrittenGroup>> written = split_events(text);
		if (!written.ok())
			return written.error();
		for (const WrittenGroup &group : *written) {
			if (Status appended = append_groups(group, sources, hybrids, &groups); !appended.ok())
				return appended.error();
			for (; counted < groups.size(); counted++)
				events += groups[counted].events.size();
			if (events > kMaxRequestedEvents)
				return Error{
					ErrorCode::usage,
					fmt::format("there are {} events, more than {}", events, kMaxRequestedEvents),
					0, "name fewer, or narrow patterns such as sched:*"};
		}
	}
	return groups;
}

} // namespace neuroperf::collector
