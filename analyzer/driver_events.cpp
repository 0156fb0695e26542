// SPDX-License-Identifier: Apache-2.0
#include "analyzer/driver_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "recording/tracing_data.hpp"

namespace neuroperf::analyzer {
namespace {

using recording::DriverDescription;
using recording::DriverRule;
using recording::DriverSource;
using recording::EventField;
using recording::EventFormat;

const EventFormat *format_of(const recording::PerfDataReader &reader, const recording::RecordedEvent &event)
{
	if (event.attr.type != PERF_TYPE_TRACEPOINT)
		return nullptr;
	const auto found = reader.formats().find(static_cast<uint32_t>(event.attr.config));
	return found == reader.formats().end() ? nullptr : &found->second;
}

bool is_named(const EventFormat &format, std::string_view name)
{
	return name.size() == format.system.size() + 1 + format.name.size() && name.starts_with(format.system) &&
	       name.ends_with(format.name) && name[format.system.size()] == ':';
}

// FNV-1a: texts that stand for a number in a key.
uint64_t number_of(std::string_view text)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (const char c : text)
		hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
	return hash;
}

std::string_view text_of(const EventField &field, std::string_view payload)
{
	return field.is_text ? recording::read_text(field, payload) : std::string_view();
}

// By one field or several, numbers in decimal; `buffer` holds it where no field does.
std::string_view named(const std::vector<EventField> &fields, std::string_view payload, std::string *buffer)
{
	if (fields.size() == 1 && fields.front().is_text)
		return text_of(fields.front(), payload);
	buffer->clear();
	for (const EventField &field : fields) {
		*buffer += buffer->empty() ? "" : " ";
		if (field.is_text)
			*buffer += text_of(field, payload);
		else
			*buffer += fmt::format("{}", recording::read_number(field, payload));
	}
	return *buffer;
}

bool has_value(const EventField &field, std::string_view value, std::string_view payload)
{
	return field.is_text ? recording::read_text(field, payload) == value
			     : fmt::format("{}", recording::read_number(field, payload)) == value;
}

} // namespace

DriverEvents::DriverEvents(const recording::PerfDataReader &reader, std::vector<DriverDescription> drivers)
	: drivers_(std::move(drivers)), rules_of_event_(reader.events().size())
{
	const auto is_recorded = [&](const std::string &name) {
		return std::any_of(reader.events().begin(), reader.events().end(), [&](const auto &event) {
			const EventFormat *format = format_of(reader, event);
			return format && is_named(*format, name);
		});
	};
	for (const DriverDescription &driver : drivers_)
		for (const DriverSource &source : driver.sources) {
			const std::vector<std::string> events = source.events();
			if (!std::all_of(events.begin(), events.end(), is_recorded))
				continue;
			add(reader, driver, source);
			break;
		}
}

void DriverEvents::add(const recording::PerfDataReader &reader, const DriverDescription &driver,
		       const DriverSource &source)
{
	const std::string space = source.keys.empty() ? driver.name : source.keys;
	auto known = std::find(spaces_.begin(), spaces_.end(), space);
	if (known == spaces_.end())
		known = spaces_.insert(spaces_.end(), space);
	const auto space_number = static_cast<uint32_t>(known - spaces_.begin());
	for (const DriverRule &from : source.rules)
		for (std::size_t i = 0; i < reader.events().size(); i++) {
			const EventFormat *format = format_of(reader, reader.events()[i]);
			if (!format || !is_named(*format, from.event))
				continue;
			bool whole = true; // an event that lacks a field tells nothing
			const recording::DriverProbe *probe = driver.probe_of(from.event);
			const auto field = [&](const std::string &name) {
				const EventField *found = name.empty() ? nullptr : format->field(name);
				if (const EventField *own = probe ? probe->field(name) : nullptr)
					found = own; // what the description says now, not when it was recorded
				whole &= name.empty() || found;
				return found ? *found : EventField{};
			};
			Rule rule;
			rule.source = static_cast<uint32_t>(sources_.size());
			rule.space = space_number;
			rule.described = &from;
			for (const auto &[name, value] : from.where)
				rule.where.push_back({field(name), value});
			for (const auto &[name, value] : from.except)
				rule.except.push_back({field(name), value});
			for (const std::string &name : from.key)
				rule.key.push_back(field(name));
			for (const std::string &name : from.engine)
				rule.engine.push_back(field(name));
			rule.device = field(from.device);
			rule.driver = field(from.driver);
			rule.status = field(from.status);
			rule.ran = field(from.ran_ns);
			rule.jobs = field(from.jobs);
			for (const std::string &name : from.task)
				rule.task.push_back(field(name));
			for (std::size_t count = 0; count < from.counts.size(); count++)
				rule.counts[count] = field(from.counts[count]);
			rule.state = field(from.state);
			rule.value = field(from.value);
			if (whole)
				rules_of_event_[i].push_back(std::move(rule));
		}
	sources_.push_back({&driver, &source, 0});
}

// It could not be read when the event came.
bool DriverEvents::lacks_key(const Rule &rule, std::string_view payload)
{
	return std::any_of(rule.key.begin(), rule.key.end(), [&](const EventField &field) {
		return field.offset > payload.size() || field.size > payload.size() - field.offset;
	});
}

void DriverEvents::each(int event, std::string_view payload, const std::function<void(const JobEvent &)> &take)
{
	for (const Rule &rule : rules_of_event_[static_cast<std::size_t>(event)]) {
		const auto holds = [&](const Condition &condition) {
			return has_value(condition.field, condition.value, payload);
		};
		if (!std::all_of(rule.where.begin(), rule.where.end(), holds) ||
		    std::any_of(rule.except.begin(), rule.except.end(), holds) || lacks_key(rule, payload))
			continue;
		JobEvent told;
		told.moment = rule.described->moment;
		told.rule = rule.described;
		told.source = rule.source;
		told.key.space = rule.space;
		for (std::size_t i = 0; i < rule.key.size(); i++)
			told.key.number[i] = rule.key[i].is_text ? number_of(recording::read_text(rule.key[i], payload))
								 : recording::read_number(rule.key[i], payload);
		told.engine = rule.engine.empty() ? rule.described->engine_name : named(rule.engine, payload, &engine_);
		told.device = text_of(rule.device, payload);
		told.driver = text_of(rule.driver, payload);
		const auto number = [&](const EventField &field, uint64_t otherwise) {
			return field.size != 0 ? recording::read_number(field, payload) : otherwise;
		};
		told.status = number(rule.status, 0);
		told.jobs = number(rule.jobs, 1);
		told.ran_ns = number(rule.ran, 0);
		told.value = number(rule.value, 0);
		if (!rule.task.empty())
			told.task = named(rule.task, payload, &task_);
		if (rule.state.size != 0)
			told.state = named({rule.state}, payload, &state_);
		for (std::size_t i = 0; i < rule.counts.size(); i++)
			if (rule.counts[i].size != 0)
				told.counts[i] = recording::read_number(rule.counts[i], payload);
		sources_[rule.source].events++;
		take(told);
	}
}

bool DriverEvents::knows(std::string_view name) const
{
	return std::any_of(drivers_.begin(), drivers_.end(),
			   [name](const DriverDescription &driver) { return driver.name == name; });
}

const DriverDescription *DriverEvents::of_fences(std::string_view fence_driver) const
{
	for (const DriverDescription &driver : drivers_)
		if (std::find(driver.fence_drivers.begin(), driver.fence_drivers.end(), fence_driver) !=
		    driver.fence_drivers.end())
			return &driver;
	return nullptr;
}

} // namespace neuroperf::analyzer
