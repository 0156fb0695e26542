// SPDX-License-Identifier: Apache-2.0
#include "collector/driver_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "bpf/tracepoint_event.h"
#include "collector/bpf_tracepoints.hpp"
#include "collector/device_match.hpp"
#include "collector/event_attr.hpp"
#include "collector/tracepoint_events.hpp"

namespace neuroperf::collector {
namespace {

using recording::DriverDescription;
using recording::DriverRule;
using recording::DriverSource;
using recording::JobMoment;

constexpr const char *kWhat = "driver jobs";

// An event of which another description speaks too is recorded once, for both.
bool is_everywhere(const DriverSource &source, const std::string &event)
{
	return std::any_of(source.rules.begin(), source.rules.end(), [&](const DriverRule &rule) {
		return rule.event == event && rule.moment != JobMoment::queued;
	});
}

// What happens in the target's own system calls is of the target.
bool is_of_host(const DriverSource &source, const DriverEvent &event)
{
	const bool of_device = std::all_of(source.rules.begin(), source.rules.end(), [&](const DriverRule &rule) {
		return rule.event != event.event.name || rule.moment == JobMoment::state ||
		       rule.moment == JobMoment::value;
	});
	return of_device && !(event.probe && event.probe->probe.is_call());
}

bool is_named(const DriverDescription &driver, const RecordOptions &options)
{
	return std::find(options.drivers.begin(), options.drivers.end(), driver.name) != options.drivers.end();
}

class SubscriptionFinder {
public:
	SubscriptionFinder(const EventSources &sources, const std::string &root)
		: sources_(sources), root_(root), places_(sources, root)
	{
	}

	bool is_here(const DriverDescription &driver) const;
	DriverSubscription find(const DriverDescription &driver);

private:
	std::vector<DriverEvent> events_of(const DriverDescription &driver, const DriverSource &source,
					   std::string *problem);
	Result<DriverEvent> event_of(const DriverDescription &driver, const std::string &name);

	const EventSources &sources_;
	std::string root_;
	DriverPlaces places_;
	uint32_t next_id_ = recording::kDriverProbeIdBase;
};

bool SubscriptionFinder::is_here(const DriverDescription &driver) const
{
	if (is_loaded(driver, root_))
		return true;
	const bool has_calls = std::any_of(driver.probes.begin(), driver.probes.end(),
					   [](const recording::DriverProbe &probe) { return probe.is_call(); });
	return has_calls && !places_.devices_of(driver).empty();
}

Result<DriverEvent> SubscriptionFinder::event_of(const DriverDescription &driver, const std::string &name)
{
	const std::size_t colon = name.find(':');
	const std::string group = name.substr(0, colon), word = name.substr(colon + 1);
	const recording::DriverProbe *probe = driver.probe_of(name);
	if (!probe) {
		auto found = tracepoint_events(group, word, sources_);
		if (!found.ok())
			return found.error();
		return DriverEvent{std::move(found->front())};
	}
	if (const std::string problem = places_.problem_of(driver, *probe); !problem.empty())
		return Error{ErrorCode::not_found, problem, 0, ""};
	if (next_id_ == recording::kDriverProbeIdBase + recording::kMostDriverProbeEvents)
		return Error{ErrorCode::unsupported, "there are too many probes", 0, ""};
	const bool at_end = name.ends_with("_end");
	RequestedEvent event = requested_event(PERF_TYPE_TRACEPOINT, next_id_++);
	event.name = name;
	event.tracepoint_system = group;
	event.tracepoint_name = word;
	event.tracepoint_format = recording::format_of_probe(*probe, at_end, static_cast<uint32_t>(event.attr.config));
	std::vector<ProbedDevice> devices;
	if (probe->is_call())
		devices = places_.devices_of(driver);
	return DriverEvent{std::move(event), true, PlannedProbe{*probe, at_end, std::move(devices)}};
}

// Empty where one of the events cannot be had.
std::vector<DriverEvent> SubscriptionFinder::events_of(const DriverDescription &driver, const DriverSource &source,
						       std::string *problem)
{
	std::vector<DriverEvent> events;
	for (const std::string &name : source.events()) {
		auto found = event_of(driver, name);
		if (!found.ok()) {
			*problem =
				found.error().what.substr(0, found.error().what.find(';')); // where it looked is known
			return {};
		}
		found->everywhere = is_everywhere(source, name);
		found->of_host = is_of_host(source, *found);
		events.push_back(std::move(*found));
	}
	for (const std::string &name : source.more_events())
		if (auto found = event_of(driver, name); found.ok()) {
			found->everywhere = true;
			found->of_host = is_of_host(source, *found);
			events.push_back(std::move(*found));
		}
	return events;
}

DriverSubscription SubscriptionFinder::find(const DriverDescription &driver)
{
	DriverSubscription subscription{driver.name, driver.title, "", {}, ""};
	std::vector<std::string> tried;
	for (const DriverSource &source : driver.sources) {
		std::string problem;
		subscription.events = events_of(driver, source, &problem);
		if (!subscription.events.empty()) {
			subscription.source = source.name;
			places_.take(driver);
			return subscription;
		}
		tried.push_back(fmt::format("{}: {}", source.name, problem));
	}
	subscription.problem = fmt::format("no source has all its events here ({})", fmt::join(tried, "; "));
	return subscription;
}

std::string replaced(std::string text, std::string_view from, const std::string &to)
{
	for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
		text.replace(at, from.size(), to);
	return text;
}

} // namespace

std::vector<DriverSubscription> find_driver_events(const std::vector<DriverDescription> &drivers,
						   const RecordOptions &options, const EventSources &sources,
						   const std::string &root)
{
	std::vector<DriverSubscription> found;
	SubscriptionFinder finder(sources, root);
	const std::size_t of_files = options.driver_files.size(); // they come first
	for (const bool general : {false, true})
		for (std::size_t i = 0; i < drivers.size(); i++) {
			const DriverDescription &driver = drivers[i];
			if (driver.is_general != general || driver.sources.empty())
				continue;
			if (i < of_files || is_named(driver, options) || finder.is_here(driver))
				found.push_back(finder.find(driver));
		}
	if (found.empty())
		return found;
	for (const DriverDescription &driver : drivers) {
		const auto is_known = [&](const DriverSubscription &one) { return one.driver == driver.name; };
		if (!driver.is_beside || std::any_of(found.begin(), found.end(), is_known))
			continue;
		if (DriverSubscription subscription = finder.find(driver); !subscription.events.empty())
			found.push_back(std::move(subscription));
	}
	return found;
}

void plan_drivers(const std::vector<DriverSubscription> &drivers, const RecordOptions &options,
		  const HostSnapshot &host, Plan *plan)
{
	if (drivers.empty())
		return;
	std::vector<std::string> names, live;
	for (const DriverSubscription &driver : drivers)
		names.push_back(driver.driver);
	const std::string listed = fmt::format("{}", fmt::join(names, ", "));
	const bool allowed = host.bpf_error == 0 && host.kernel_types && !plan->events.empty();
	if (options.no_bpf || !allowed || plan->target.kind == Target::Kind::control_group) {
		plan->items.push_back(
			{kWhat, options.no_bpf ? PlanItem::State::open : PlanItem::State::missing,
			 fmt::format("of {} none are recorded: their events come in workers and interrupts, "
				     "of which a BPF program tells",
				     listed),
			 options.no_bpf ? "" : std::string(run_as_root(host.in_user_namespace))});
		return;
	}
	for (const DriverSubscription &driver : drivers) {
		if (driver.events.empty()) {
			plan->items.push_back({kWhat, PlanItem::State::missing,
					       fmt::format("{}: {}", driver.title, driver.problem), ""});
			continue;
		}
		live.push_back(fmt::format("{} ({})", driver.driver, driver.source));
		plan->drivers.push_back(driver.driver);
		for (const DriverEvent &wanted : driver.events) {
			const auto known =
				std::find_if(plan->events.begin(), plan->events.end(), [&](const auto &event) {
					return event.tracepoint_format && event.name == wanted.event.name;
				});
			if (known != plan->events.end()) {
				known->everywhere |= known->by_bpf && wanted.everywhere;
				known->of_host &= wanted.of_host;
				continue;
			}
			if (!can_record_by_bpf(*wanted.event.tracepoint_format)) {
				plan->items.push_back({kWhat, PlanItem::State::missing,
						       fmt::format("{}: a BPF program cannot copy {} whole",
								   driver.title, wanted.event.name),
						       "name it with -e, and record with --no-bpf"});
				continue;
			}
			PlannedEvent event;
			event.attr = sampling_attr(wanted.event, options, 0);
			event.name = wanted.event.name;
			event.leader = plan->events.size();
			event.cpus = plan->events.front().cpus;
			event.tracepoint_format = wanted.event.tracepoint_format;
			event.tracepoint_system = wanted.event.tracepoint_system;
			event.recorded_format = with_texts_for_pointers(*event.tracepoint_format, &event.text_pointers);
			event.by_bpf = true;
			event.everywhere = wanted.everywhere;
			event.of_host = wanted.of_host;
			event.probe = wanted.probe;
			plan->events.push_back(std::move(event));
		}
	}
	if (!live.empty())
		plan->items.push_back({kWhat, PlanItem::State::open, fmt::format("of {}", fmt::join(live, ", ")), ""});
}

std::string with_texts_for_pointers(std::string format, std::vector<uint32_t> *offsets)
{
	offsets->clear();
	const auto parsed = recording::parse_format_text("", format);
	if (!parsed.ok())
		return format;
	for (const recording::EventField &field : parsed->fields) {
		const bool is_pointer = field.size == 8 && (field.type == "const char *" || field.type == "char *");
		if (!is_pointer || offsets->size() == NP_MOST_TEXTS)
			continue;
		const std::string line =
			fmt::format("\tfield:{} {};\toffset:{};\tsize:8;", field.type, field.name, field.offset);
		const std::size_t at = format.find(line);
		if (at == format.npos)
			continue;
		format.replace(
			at, line.size(),
			fmt::format("\tfield:__data_loc char[] {};\toffset:{};\tsize:4;", field.name, field.offset));
		format = replaced(std::move(format), "REC->" + field.name, fmt::format("__get_str({})", field.name));
		offsets->push_back(field.offset);
	}
	return format;
}

} // namespace neuroperf::collector
