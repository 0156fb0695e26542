// SPDX-License-Identifier: Apache-2.0
#include "collector/event_finder.hpp"

#include <fmt/format.h>

#include <charconv>

#include "collector/event_modifiers.hpp"
#include "collector/generic_events.hpp"
#include "collector/near_names.hpp"
#include "collector/pfm_events.hpp"
#include "collector/pmu_events.hpp"
#include "collector/tracepoint_events.hpp"

namespace neuroperf::collector {
namespace {

Error usage_error(std::string what, std::string hint = "")
{
	return {ErrorCode::usage, std::move(what), 0, std::move(hint)};
}

// "r1a8": what the CPU's own manual calls an event, in the bits of the CPU's PMU.
std::optional<RequestedEvent> raw_event(std::string_view name)
{
	if (!name.starts_with('r'))
		return std::nullopt;
	uint64_t config = 0;
	const char *end = name.data() + name.size();
	const auto [stop, error] = std::from_chars(name.data() + 1, end, config, 16);
	if (error != std::errc{} || stop != end)
		return std::nullopt;
	return requested_event(PERF_TYPE_RAW, config);
}

// "4:0x1a8": the type of a PMU and config.
std::optional<RequestedEvent> numbered_event(std::string_view name)
{
	const std::size_t colon = name.find(':');
	if (colon == name.npos)
		return std::nullopt;
	const std::optional<uint64_t> type = parse_number(name.substr(0, colon));
	const std::optional<uint64_t> config = parse_number(name.substr(colon + 1));
	if (!type || !config || *type > UINT32_MAX)
		return std::nullopt;
	return requested_event(static_cast<uint32_t>(*type), *config);
}

std::optional<RequestedEvent> plain_event(const std::string &name)
{
	if (const std::optional<GenericEvent> generic = find_generic_event(name))
		return requested_event(generic->type, generic->config);
	if (std::optional<RequestedEvent> raw = raw_event(name))
		return raw;
	return numbered_event(name);
}

Status check_supported(const std::string &name)
{
	if (name.starts_with("mem:"))
		return usage_error("breakpoints are not supported", "perf record -e mem:... records them");
	for (const char *tool : {"duration_time", "user_time", "system_time"})
		if (name == tool)
			return usage_error("this is a time that perf stat tells, no event");
	return Done{};
}

} // namespace

Result<EventFinder::Events> EventFinder::find(const WrittenEvent &written, std::string *modifiers)
{
	used_hybrid_ = false;
	*modifiers = written.modifiers;
	Result<Events> events = written.terms ? with_terms(written) : bare(written, modifiers);
	if (!events.ok())
		return events;
	for (RequestedEvent &event : *events)
		if (event.name.empty())
			event.name = written.text;
	return events;
}

// What needs neither sysfs nor tracefs; of a hybrid CPU's PMU, where the kernel would take any of them.
std::optional<RequestedEvent> EventFinder::plain(const std::string &name, const std::string &text)
{
	std::optional<RequestedEvent> event = plain_event(name);
	if (!event || !hybrid_)
		return event;
	perf_event_attr &attr = event->attr;
	const bool is_generic = attr.type == PERF_TYPE_HARDWARE || attr.type == PERF_TYPE_HW_CACHE;
	if (attr.type == PERF_TYPE_RAW)
		attr.type = hybrid_->type();
	else if (is_generic && attr.config >> PERF_PMU_TYPE_SHIFT == 0)
		attr.config |= uint64_t{hybrid_->type()} << PERF_PMU_TYPE_SHIFT;
	else
		return event;
	event->name = fmt::format("{}/{}/", hybrid_->name(), text);
	event->cpus = hybrid_->cpus();
	used_hybrid_ = true;
	return event;
}

Result<EventFinder::Events> EventFinder::with_terms(const WrittenEvent &written)
{
	Events events;
	if (std::optional<RequestedEvent> found = plain(written.name, written.text)) {
		events.push_back(std::move(*found));
	} else if (const std::size_t colon = written.name.find(':'); colon != written.name.npos) {
		Result<Events> tracepoints =
			tracepoint_events(written.name.substr(0, colon), written.name.substr(colon + 1), sources_);
		if (!tracepoints.ok())
			return tracepoints;
		events = std::move(*tracepoints);
	} else {
		return pmu_events(written.name, *written.terms, sources_);
	}
	for (RequestedEvent &event : events)
		for (const EventTerm &term : *written.terms) {
			const bool config_of_tracepoint = event.tracepoint_format && term.name.starts_with("config");
			const Result<bool> applied = apply_common_term(term, &event);
			if (!applied.ok())
				return applied.error();
			if (!*applied || config_of_tracepoint)
				return usage_error(fmt::format("it takes no term \"{}\"", term.name),
						   "name, period and freq are possible here");
		}
	return events;
}

Result<EventFinder::Events> EventFinder::bare(const WrittenEvent &written, std::string *modifiers)
{
	const std::size_t colon = written.name.rfind(':');
	const std::string last = colon == written.name.npos ? "" : written.name.substr(colon + 1);
	const bool split =
		is_modifiers(last) || (colon != written.name.npos && last.empty()); // perf takes "cycles:" too
	const std::string body = split ? written.name.substr(0, colon) : written.name;
	for (const std::string &name : {body, written.name}) {
		Result<Events> events = from_kernel(name, written.text);
		if (!events.ok() || !events->empty()) {
			*modifiers = name == body ? (split ? last : "") : "";
			return events;
		}
	}
	if (sources_.use_pfm && !plain_event(written.name.substr(0, written.name.find(':')))) {
		// u, k, h and p are modifiers; other letters may as well be an attribute or unit mask of the event.
		const bool surely = split && last.find_first_not_of("ukhp") == last.npos;
		for (const std::string &name : {surely ? body : written.name, surely ? written.name : body}) {
			Result<RequestedEvent> event = pfm_event(name);
			if (!event.ok())
				continue;
			*modifiers = split && name == body ? last : "";
			return Events{std::move(*event)};
		}
	}
	return unknown(written.name);
}

Result<EventFinder::Events> EventFinder::from_kernel(const std::string &name, const std::string &text)
{
	if (Status supported = check_supported(name); !supported.ok())
		return supported.error();
	if (std::optional<RequestedEvent> event = plain(name, text))
		return Events{std::move(*event)};
	const std::size_t colon = name.find(':');
	if (colon == name.npos)
		return named_pmu_events(name, sources_);
	const std::string system = name.substr(0, colon), event = name.substr(colon + 1);
	if (event.find(':') != event.npos || !has_tracepoint_system(system, sources_))
		return Events{};
	return tracepoint_events(system, event, sources_);
}

Error EventFinder::unknown(const std::string &name) const
{
	const std::size_t colon = name.find(':');
	if (colon == name.npos) {
		const std::string near = did_you_mean(name, generic_event_names());
		return {ErrorCode::not_found, "unknown event", 0,
			near.empty() ? "neuroperf list events shows what there is; man neuroperf-record shows how to "
				       "write it"
				     : near};
	}
	const std::string system = name.substr(0, colon), rest = name.substr(colon + 1);
	if (plain_event(system)) {
		RequestedEvent ignored;
		if (Status applied = apply_modifiers(rest, "", true, &ignored); !applied.ok())
			return applied.error();
	}
	const bool is_pfm = sources_.use_pfm && (name.find("::") != name.npos || pfm_event(system).ok());
	if (is_pfm)
		return pfm_event(name).error();
	if (Result<Events> events = tracepoint_events(system, rest, sources_); !events.ok())
		return events.error();
	return {ErrorCode::not_found, "unknown event", 0, ""};
}

} // namespace neuroperf::collector
