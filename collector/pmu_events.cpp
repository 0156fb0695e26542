// SPDX-License-Identifier: Apache-2.0
#include "collector/pmu_events.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <strings.h>

#include <algorithm>

#include "collector/near_names.hpp"
#include "collector/pmu_folder.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::string_view kWildcards = "*?[";
constexpr std::string_view kUncore = "uncore_";

Error usage_error(std::string what, std::string hint = "")
{
	return {ErrorCode::usage, std::move(what), 0, std::move(hint)};
}

// Terms of perf that say how to record, for which record has options of its own.
bool is_recording_term(std::string_view name)
{
	constexpr std::string_view kNames[] = {"branch_type",     "time",         "call-graph", "stack-size",
					       "max-stack",       "nr",           "inherit",    "no-inherit",
					       "overwrite",       "no-overwrite", "percore",    "aux-output",
					       "aux-sample-size", "metric-id"};
	return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Result<uint64_t> number_of(const EventTerm &term)
{
	const std::optional<uint64_t> number = term.value ? parse_number(*term.value) : std::nullopt;
	if (!number)
		return usage_error(fmt::format("{}={} is no number", term.name, term.value.value_or("")),
				   "write it decimal, or hexadecimal with 0x, in 64 bits");
	return *number;
}

bool has_number_at_end(std::string_view name, std::string_view stem)
{
	if (!name.starts_with(stem) || name.size() < stem.size() + 2 || name[stem.size()] != '_')
		return false;
	const std::string_view digits = name.substr(stem.size() + 1);
	return digits.find_first_not_of("0123456789") == digits.npos;
}

// perf lets one write "imc" for "uncore_imc".
bool is_meant(const std::string &wanted, std::string_view name)
{
	if (name.starts_with(kUncore) && !wanted.starts_with(kUncore))
		name.remove_prefix(kUncore.size());
	if (wanted.find_first_of(kWildcards) != wanted.npos)
		return ::fnmatch(wanted.c_str(), std::string(name).c_str(), 0) == 0;
	return name == wanted || has_number_at_end(name, wanted);
}

std::vector<std::string> meant_pmus(const std::string &wanted, const std::vector<std::string> &all)
{
	if (std::find(all.begin(), all.end(), wanted) != all.end())
		return {wanted};
	std::vector<std::string> meant;
	for (const std::string &name : all)
		if (is_meant(wanted, name))
			meant.push_back(name);
	return meant;
}

// The PMU's own event that a term names: "tsc", "tsc=1", "event=tsc"; empty for a field.
std::string alias_of(const EventTerm &term, const PmuFolder &pmu)
{
	const std::optional<uint64_t> number = term.value ? parse_number(*term.value) : 1;
	if (number)
		return *number == 1 && !pmu.find_field(term.name) ? pmu.find_alias_name(term.name) : "";
	return ::strcasecmp(term.name.c_str(), "event") == 0 ? pmu.find_alias_name(*term.value) : "";
}

// The terms with the PMU's own events replaced by what they stand for (once: those hold fields only).
Result<std::vector<EventTerm>> expand_aliases(const std::vector<EventTerm> &terms, const PmuFolder &pmu,
					      RequestedEvent *event)
{
	std::vector<EventTerm> expanded;
	for (const EventTerm &term : terms) {
		const std::string name = alias_of(term, pmu);
		if (name.empty()) {
			expanded.push_back(term);
			continue;
		}
		Result<PmuAlias> alias = pmu.read_alias(name);
		if (!alias.ok())
			return alias.error();
		if (!alias->unit.empty())
			event->unit = alias->unit;
		if (alias->scale != 1)
			event->scale = alias->scale;
		expanded.insert(expanded.end(), alias->terms.begin(), alias->terms.end());
	}
	return expanded;
}

Error unknown_term(const EventTerm &term, const PmuFolder &pmu)
{
	std::vector<std::string> known = pmu.field_names();
	known.insert(known.end(), pmu.alias_names().begin(), pmu.alias_names().end());
	const std::string near = did_you_mean(term.name, known);
	known.insert(known.end(), {"config", "config1", "config2", "name", "period", "freq"});
	return usage_error(fmt::format("PMU {} has no term or event \"{}\"", pmu.name(), term.name),
			   near.empty() ? fmt::format("it has: {}", some_of(known)) : near);
}

uint64_t config_word(const perf_event_attr &attr, unsigned word)
{
	return word == 0 ? attr.config : word == 1 ? attr.config1 : attr.config2;
}

void set_config_word(unsigned word, uint64_t value, perf_event_attr *attr)
{
	if (word == 0)
		attr->config = value;
	else if (word == 1)
		attr->config1 = value;
	else
		attr->config2 = value;
}

Status apply_field(const EventTerm &term, const PmuFolder &pmu, RequestedEvent *event)
{
	const PmuField *field = pmu.find_field(term.name);
	if (!field)
		return is_recording_term(term.name)
			       ? usage_error(fmt::format("the term \"{}\" is not supported", term.name),
					     "give it to all events with an option of neuroperf record")
			       : unknown_term(term, pmu);
	if (!term.value && field->max_value() > 1) // perf 6.1 means to refuse this too, but forgets it on the way
		return usage_error(fmt::format("{} has no value", term.name),
				   fmt::format("write {}=N, N up to {}", term.name, field->max_value()));
	const Result<uint64_t> value = term.value ? number_of(term) : Result<uint64_t>(1);
	if (!value.ok())
		return value.error();
	if (*value > field->max_value())
		return usage_error(
			fmt::format("{}={} is too large", term.name, *term.value),
			fmt::format("this field of PMU {} holds at most {:#x}", pmu.name(), field->max_value()));
	// As perf does it: the bits of a field that is given twice add up.
	set_config_word(field->word, config_word(event->attr, field->word) | field->place(*value), &event->attr);
	return Done{};
}

// A kernel's event may leave a value to the user: "core=?" wants "pmu/event,core=1/".
bool is_open(const EventTerm &term)
{
	return term.value && *term.value == "?";
}

Status fill_open_terms(std::vector<EventTerm> *terms)
{
	for (const EventTerm &open : *terms) {
		const bool given = std::any_of(terms->begin(), terms->end(), [&](const EventTerm &other) {
			return other.name == open.name && !is_open(other);
		});
		if (is_open(open) && !given)
			return usage_error(fmt::format("the event needs a value for {}", open.name),
					   fmt::format("add {}=N between the slashes", open.name));
	}
	std::erase_if(*terms, is_open);
	return Done{};
}

Result<RequestedEvent> one_pmu_event(const PmuFolder &pmu, const std::vector<EventTerm> &terms)
{
	RequestedEvent event = requested_event(pmu.type(), 0);
	event.cpus = pmu.cpus();
	Result<std::vector<EventTerm>> expanded = expand_aliases(terms, pmu, &event);
	if (!expanded.ok())
		return expanded.error();
	if (Status filled = fill_open_terms(&*expanded); !filled.ok())
		return filled.error();
	std::vector<EventTerm> fields;
	for (const EventTerm &term : *expanded) {
		const Result<bool> applied = apply_common_term(term, &event);
		if (!applied.ok())
			return applied.error();
		if (!*applied)
			fields.push_back(term);
	}
	for (const EventTerm &term : fields) // after config=, which they add to
		if (Status applied = apply_field(term, pmu, &event); !applied.ok())
			return applied.error();
	return event;
}

} // namespace

Result<bool> apply_common_term(const EventTerm &term, RequestedEvent *event)
{
	if (term.name == "name") {
		event->name = term.value.value_or("");
		return event->name.empty() ? Result<bool>(usage_error("name= has no value")) : Result<bool>(true);
	}
	const bool is_config = term.name == "config" || term.name == "config1" || term.name == "config2";
	const bool is_sampling = term.name == "period" || term.name == "freq";
	if (!is_config && !is_sampling)
		return false;
	const Result<uint64_t> number = number_of(term);
	if (!number.ok())
		return number.error();
	if (is_sampling && *number == 0)
		return usage_error(fmt::format("{}=0 takes no samples", term.name));
	if (is_config)
		set_config_word(term.name == "config1" ? 1 : term.name == "config2" ? 2 : 0, *number, &event->attr);
	else
		(term.name == "period" ? event->period : event->frequency_hz) = *number;
	return true;
}

Result<std::vector<RequestedEvent>> pmu_events(const std::string &pmu, const std::vector<EventTerm> &terms,
					       const EventSources &sources)
{
	const std::vector<std::string> all = PmuFolder::list(sources.pmu_folder);
	const std::vector<std::string> meant = meant_pmus(pmu, all);
	if (meant.empty()) {
		const std::string near = did_you_mean(pmu, all);
		return Error{ErrorCode::not_found,
			     all.empty() ? fmt::format("there are no PMUs in {}", sources.pmu_folder)
					 : fmt::format("PMU \"{}\" is not on this machine; there are: {}", pmu,
						       some_of(all)),
			     0, near.empty() ? "a virtual machine often lacks the CPU's" : near};
	}
	std::vector<RequestedEvent> events;
	std::optional<Error> failed;
	for (const std::string &name : meant) {
		const Result<PmuFolder> folder = PmuFolder::open(sources.pmu_folder, name);
		if (!folder.ok())
			return folder.error();
		Result<RequestedEvent> event = one_pmu_event(*folder, terms);
		if (event.ok() && events.size() < kMaxRequestedEvents)
			events.push_back(std::move(*event));
		else if (!event.ok() && !failed)
			failed = event.error();
	}
	if (events.empty()) // of several PMUs those count that know the terms
		return *failed;
	return events;
}

Result<std::vector<RequestedEvent>> named_pmu_events(const std::string &name, const EventSources &sources)
{
	std::vector<RequestedEvent> events;
	for (const std::string &pmu : PmuFolder::list(sources.pmu_folder)) {
		if (!PmuFolder::names_event(sources.pmu_folder, pmu, name) || events.size() == kMaxRequestedEvents)
			continue;
		const Result<PmuFolder> folder = PmuFolder::open(sources.pmu_folder, pmu);
		if (!folder.ok())
			return folder.error();
		Result<RequestedEvent> event = one_pmu_event(*folder, {EventTerm{name, std::nullopt}});
		if (!event.ok())
			return event.error();
		events.push_back(std::move(*event));
	}
	return events;
}

} // namespace neuroperf::collector
