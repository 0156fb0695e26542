// SPDX-License-Identifier: Apache-2.0
// neuroperf list events, list devices: what this machine has.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "collector/accelerators.hpp"
#include "collector/driver_plan.hpp"
#include "collector/event_list.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/messages.hpp"
#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {
namespace {

// Thousands of tracepoints are counted by system, unless somebody asks for some.
constexpr std::size_t kMostEvents = 200;

void print_counts(const std::vector<std::string> &events)
{
	std::map<std::string, std::size_t> counts; // by what stands before the colon
	for (const std::string &event : events)
		counts[event.substr(0, event.find(':'))]++;
	for (const auto &[system, count] : counts)
		write_output(fmt::format("  {:32}{}\n", printable(system) + ":*", count));
}

void print_group(const collector::EventGroupList &group, bool all)
{
	write_output(fmt::format("{} ({})\n", group.title, group.events.size()));
	if (!all && group.events.size() > kMostEvents)
		print_counts(group.events);
	else
		for (const std::string &event : group.events)
			write_output(fmt::format("  {}\n", printable(event)));
	if (!group.problem.empty())
		write_output(fmt::format("  {}\n", printable(group.problem)));
	if (!group.problem.empty() && !group.remedy.empty())
		write_output(fmt::format("  remedy: {}\n", printable(group.remedy)));
}

std::string or_not_told(const std::string &text)
{
	return text.empty() ? "n/a (not told)" : printable(text);
}

// What would be recorded of it.
std::string source_of(const std::string &description, const std::vector<recording::DriverDescription> &drivers)
{
	if (description.empty())
		return "n/a (no description fits its driver; neuroperf list drivers has those there are)";
	collector::RecordOptions options;
	options.drivers = {description};
	for (const collector::DriverSubscription &one : collector::find_driver_events(drivers, options, {}))
		if (one.driver == description)
			return one.events.empty() ? fmt::format("n/a ({})", one.problem)
						  : fmt::format("{}: {} tracepoints", one.source, one.events.size());
	return "n/a (its description has no events)";
}

} // namespace

int list_events(const ListCommand &command)
{
	bool any = command.pattern.empty();
	for (collector::EventGroupList &group : collector::list_events({})) {
		if (!command.pattern.empty()) {
			std::erase_if(group.events, [&](const std::string &event) {
				return !collector::matches_pattern(event, command.pattern);
			});
			if (group.events.empty())
				continue;
			any = true;
			group.problem.clear();
		}
		print_group(group, !command.pattern.empty());
	}
	if (any)
		return kExitOk;
	print_error({ErrorCode::not_found, fmt::format("no event matches \"{}\"", command.pattern), 0,
		     "neuroperf list events counts those there are"});
	return kExitFailure;
}

int list_devices(const ListCommand &command)
{
	const auto drivers = recording::chosen_drivers({}, command.driver_files);
	if (!drivers.ok()) {
		print_error(drivers.error());
		return kExitUsage;
	}
	const auto accelerators = collector::find_accelerators(*drivers);
	if (accelerators.empty())
		write_output("this machine has no accelerator that is known here: no node in /dev/accel, none of "
			     "/dev/dri that "
			     "renders, and none that a description names\n");
	for (const collector::Accelerator &one : accelerators) {
		write_output(fmt::format("{}\n", printable(one.node)));
		write_output(fmt::format("  driver       {}\n", or_not_told(one.driver)));
		write_output(fmt::format("  address      {}\n", or_not_told(one.address)));
		write_output(fmt::format("  description  {}\n", one.description.empty() ? "none" : one.description));
		write_output(fmt::format("  jobs by      {}\n", source_of(one.description, *drivers)));
	}
	return kExitOk;
}

} // namespace neuroperf::viewer
