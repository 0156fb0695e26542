// SPDX-License-Identifier: Apache-2.0
#include "collector/driver_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "bpf/tracepoint_event.h"
#include "collector/bpf_tracepoints.hpp"
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

bool is_loaded(const DriverDescription &driver, const std::string &module_folder)
{
	return std::any_of(driver.modules.begin(), driver.modules.end(), [&](const std::string &name) {
		return ::access((module_folder + "/" + name).c_str(), F_OK) == 0;
	});
}

bool is_named(const DriverDescription &driver, const RecordOptions &options)
{
	return std::find(options.drivers.begin(), options.drivers.end(), driver.name) != options.drivers.end();
}

// Empty where one of the events is not there.
std::vector<DriverEvent> events_of(const DriverSource &source, const EventSources &sources)
{
	std::vector<DriverEvent> events;
	for (const std::string &name : source.events()) {
		const std::size_t colon = name.find(':');
		auto found = tracepoint_events(name.substr(0, colon), name.substr(colon + 1), sources);
		if (!found.ok() || found->size() != 1)
			return {};
		events.push_back({std::move(found->front()), is_everywhere(source, name)});
	}
	return events;
}

DriverSubscription subscription_of(const DriverDescription &driver, const EventSources &sources)
{
	DriverSubscription subscription{driver.name, driver.title, "", {}, ""};
	std::vector<std::string> tried;
	for (const DriverSource &source : driver.sources) {
		subscription.events = events_of(source, sources);
		if (!subscription.events.empty()) {
			subscription.source = source.name;
			return subscription;
		}
		tried.push_back(source.name);
	}
	subscription.problem = fmt::format("tracefs has not all events of any source ({})", fmt::join(tried, "; "));
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
						   const std::string &module_folder)
{
	std::vector<DriverSubscription> found;
	const std::size_t of_files = options.driver_files.size(); // they come first
	for (std::size_t i = 0; i < drivers.size(); i++) {
		const DriverDescription &driver = drivers[i];
		const bool asked = i < of_files || is_named(driver, options);
		if (!driver.sources.empty() && (asked || is_loaded(driver, module_folder)))
			found.push_back(subscription_of(driver, sources));
	}
	// Fences are of any driver, once there is one.
	const auto fences = std::find_if(drivers.begin(), drivers.end(),
					 [](const DriverDescription &driver) { return driver.name == "dma_fence"; });
	const auto has_fences = [](const DriverSubscription &one) { return one.driver == "dma_fence"; };
	if (!found.empty() && fences != drivers.end() && std::none_of(found.begin(), found.end(), has_fences))
		if (DriverSubscription subscription = subscription_of(*fences, sources); !subscription.events.empty())
			found.push_back(std::move(subscription));
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
		if (!is_pointer || offsets->size() == NP_MOST_TEXTS ||
		    field.offset + 8 > NP_COMMON_FIELDS + NP_RECORD_WITH_TEXTS)
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
