// SPDX-License-Identifier: Apache-2.0
#include "collector/event_catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "collector/event_syntax.hpp"
#include "collector/generic_events.hpp"
#include "collector/pfm_events.hpp"
#include "collector/pmu_folder.hpp"
#include "collector/tracepoint_events.hpp"

namespace neuroperf::collector {
namespace {

class Catalogue {
public:
	Catalogue(const EventSources &sources, const WordFilter &filter, const EventTrial &trial)
		: sources_(sources), filter_(filter), trial_(trial)
	{
	}

	EventKind generic(const char *heading, const char *noun, uint32_t type) const;
	EventKind of_pmus() const;
	EventKind of_libpfm4() const;
	EventKind tracepoints() const;

private:
	Availability availability(const std::string &text) const;
	EventFamily of_pmu(const std::string &name) const;

	const EventSources &sources_;
	const WordFilter &filter_;
	const EventTrial &trial_;
};

void add_if_any(EventFamily family, EventKind *kind)
{
	if (!family.events.empty())
		kind->families.push_back(std::move(family));
}

// An event may be several, of which any will do: one for each kind of core of a hybrid CPU.
Availability Catalogue::availability(const std::string &text) const
{
	const auto groups = parse_events({text}, sources_);
	if (!groups.ok())
		return {false, groups.error().hint.empty()
				       ? groups.error().what
				       : fmt::format("{} ({})", groups.error().what, groups.error().hint)};
	Availability last;
	for (const EventGroup &group : *groups)
		for (const RequestedEvent &event : group.events)
			if (last = trial_(event); last.works)
				return last;
	return last;
}

std::vector<CataloguedEvent> generic_events_of(uint32_t type)
{
	std::vector<CataloguedEvent> events;
	std::vector<uint64_t> configs;
	for (std::string &name : generic_event_names()) {
		const std::optional<GenericEvent> event = find_generic_event(name);
		if (!event || event->type != type)
			continue;
		const auto known = std::find(configs.begin(), configs.end(), event->config);
		if (known != configs.end()) {
			events[static_cast<std::size_t>(known - configs.begin())].also.push_back(std::move(name));
			continue;
		}
		configs.push_back(event->config);
		events.push_back({std::move(name), {}, "", {}});
	}
	return events;
}

EventKind Catalogue::generic(const char *heading, const char *noun, uint32_t type) const
{
	EventKind kind{heading, noun};
	EventFamily family;
	for (CataloguedEvent &event : generic_events_of(type)) {
		if (!filter_.takes(event.text) && !filter_.takes_any(event.also))
			continue;
		event.here = availability(event.text);
		family.events.push_back(std::move(event));
	}
	add_if_any(std::move(family), &kind);
	return kind;
}

std::string text_of(const std::vector<EventTerm> &terms)
{
	std::string text;
	for (const EventTerm &term : terms) {
		text += text.empty() ? "" : ",";
		text += term.name + (term.value ? "=" + *term.value : "");
	}
	return text;
}

EventFamily Catalogue::of_pmu(const std::string &name) const
{
	EventFamily family{name, {}};
	const Result<PmuFolder> pmu = PmuFolder::open(sources_.pmu_folder, name);
	if (!pmu.ok()) // a recording could not open it either
		return family;
	for (const std::string &alias : pmu->alias_names()) {
		CataloguedEvent event{fmt::format("{}/{}/", name, alias), {}, "", {}};
		if (!filter_.takes_any({event.text, alias}))
			continue;
		if (const Result<PmuAlias> stands_for = pmu->read_alias(alias); stands_for.ok()) {
			event.terms = text_of(stands_for->terms);
			if (!stands_for->unit.empty())
				event.terms += ", in " + stands_for->unit;
		}
		event.here = availability(event.text);
		family.events.push_back(std::move(event));
	}
	return family;
}

EventKind Catalogue::of_pmus() const
{
	EventKind kind{"Events of PMUs, as the kernel names them", "event"};
	const std::vector<std::string> pmus = PmuFolder::list(sources_.pmu_folder);
	if (pmus.empty())
		kind.missing =
			Error{ErrorCode::not_found, fmt::format("there are no PMUs in {}", sources_.pmu_folder), 0, ""};
	for (const std::string &name : pmus)
		add_if_any(of_pmu(name), &kind);
	return kind;
}

EventKind Catalogue::of_libpfm4() const
{
	EventKind kind{"Events of libpfm4, by the names of the CPU's vendor", "event"};
	if (!sources_.use_pfm)
		return kind;
	const Result<std::vector<PfmPmu>> pmus = pfm_pmus();
	if (!pmus.ok()) {
		kind.missing = pmus.error();
		return kind;
	}
	if (pmus->empty())
		kind.missing = Error{ErrorCode::not_found, "libpfm4 knows no PMU of this machine", 0, ""};
	for (const PfmPmu &pmu : *pmus) {
		EventFamily family{pmu.name, {}};
		for (const std::string &name : pmu.events) {
			if (!filter_.takes_any({pmu.name + "::" + name, name}))
				continue;
			const Result<RequestedEvent> event = pfm_event(pmu.name + "::" + name);
			if (event.ok())
				family.events.push_back({pmu.name + "::" + name, {}, "", trial_(*event)});
		}
		add_if_any(std::move(family), &kind);
	}
	return kind;
}

EventKind Catalogue::tracepoints() const
{
	EventKind kind{"Tracepoints", "tracepoint"};
	const Result<std::vector<TracepointName>> all = tracepoint_names(sources_);
	if (!all.ok()) {
		kind.missing = all.error();
		return kind;
	}
	for (const TracepointName &tracepoint : *all) {
		std::string text = tracepoint.system + ":" + tracepoint.name;
		if (!filter_.takes_any({text, tracepoint.name}))
			continue;
		if (kind.families.empty() || kind.families.back().name != tracepoint.system)
			kind.families.push_back({tracepoint.system, {}});
		kind.families.back().events.push_back({std::move(text), {}, "", {}});
	}
	return kind;
}

} // namespace

std::size_t EventKind::count() const
{
	std::size_t sum = 0;
	for (const EventFamily &family : families)
		sum += family.events.size();
	return sum;
}

std::vector<EventKind> list_events(const EventSources &sources, const WordFilter &filter, const EventTrial &trial)
{
	const Catalogue catalogue(sources, filter, trial);
	return {catalogue.generic("Hardware events", "event", PERF_TYPE_HARDWARE),
		catalogue.generic("Software events", "event", PERF_TYPE_SOFTWARE),
		catalogue.generic("Cache events", "event", PERF_TYPE_HW_CACHE),
		catalogue.of_pmus(),
		catalogue.of_libpfm4(),
		catalogue.tracepoints()};
}

} // namespace neuroperf::collector
