// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "collector/file_mappings.hpp"
#include "collector/runtime_match.hpp"
#include "recording/driver_description.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/commands/list_subjects.hpp"
#include "viewer/messages.hpp"
#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {
namespace {

using collector::ProbeCost;
using collector::RuntimeDescription;

void print_description(const RuntimeDescription &runtime)
{
	write_output(fmt::format("{:13} {}\n", runtime.name, runtime.title));
	write_output(fmt::format("{:14}files    {}\n", "", fmt::join(runtime.files, " ")));
	std::vector<std::string> sees;
	for (const collector::RuntimePlace &place : runtime.places)
		if (place.is_span() || place.is_counted())
			sees.push_back(fmt::format("{} ({})", place.name, to_string(place.means)));
	write_output(fmt::format("{:14}sees     {}\n", "", fmt::join(sees, ", ")));
	write_output(fmt::format("{:14}tested   {}\n", "", runtime.tested));
}

void print_match(const RuntimeDescription &runtime, const collector::RuntimeMatch &match, const std::string &path)
{
	const std::size_t places = runtime.places.size() - match.not_there, found = places - match.missing.size();
	write_output(fmt::format("{} in {}: {} of {} places found\n", runtime.title, printable(path), found, places));
	for (std::size_t i = 0; i < runtime.places.size(); i++) {
		std::size_t functions = 0, by_cost[3] = {};
		for (const collector::FoundFunction &function : match.functions) {
			functions += function.place == i ? 1 : 0;
			by_cost[static_cast<std::size_t>(function.cost)] += function.place == i ? 1 : 0;
		}
		std::vector<std::string> costs;
		for (const ProbeCost cost : {ProbeCost::call, ProbeCost::emulated, ProbeCost::stepped})
			if (const std::size_t count = by_cost[static_cast<std::size_t>(cost)]; count > 0)
				costs.push_back(fmt::format("{} {}", count, to_string(cost)));
		write_output(fmt::format(
			"  {:10} {}: {}\n", to_string(runtime.places[i].means), runtime.places[i].name,
			functions == 0 ? "not found"
				       : fmt::format("{} function{}, {}{}", functions, functions == 1 ? "" : "s",
						     fmt::join(costs, ", "),
						     runtime.places[i].in_registers ? "; none with --agent" : "")));
	}
	for (const std::string &refused : match.refused)
		write_output(fmt::format("  refused    {}\n", printable(refused)));
	for (const std::string &uncounted : match.uncounted)
		write_output(fmt::format("  uncounted  {}\n", printable(uncounted)));
}

// Says what of the descriptions is in this file; false if nothing.
bool look_into(const collector::CodeIndex &file, const std::string &path,
	       const std::vector<RuntimeDescription> &runtimes)
{
	bool any = false;
	for (const RuntimeDescription &runtime : runtimes) {
		if (!collector::may_be(runtime, path) || !collector::is_runtime(runtime, file))
			continue;
		print_match(runtime, collector::match_runtime(runtime, file, false), path);
		any = true;
	}
	return any;
}

int list_in_file(const std::string &path, const std::vector<RuntimeDescription> &runtimes)
{
	const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)); // a pipe has no writer
	if (!file.valid()) {
		print_error({ErrorCode::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)), errno, ""});
		return kExitFailure;
	}
	const auto index = collector::CodeIndex::read(file.get());
	if (!index.ok()) {
		print_error(
			{index.error().code, fmt::format("cannot look into {}: {}", path, index.error().what), 0, ""});
		return kExitFailure;
	}
	if (!look_into(*index, path, runtimes))
		write_output(fmt::format("{}: no runtime that is known here\n", printable(path)));
	return kExitOk;
}

int list_in_process(int pid, const std::vector<RuntimeDescription> &runtimes)
{
	const auto mappings = collector::read_file_mappings(pid);
	if (!mappings.ok()) {
		print_error(mappings.error());
		return kExitFailure;
	}
	bool any = false;
	std::vector<collector::FileKey> seen;
	for (const collector::FileMapping &mapping : *mappings) {
		if (!mapping.executable || std::find(seen.begin(), seen.end(), mapping.file) != seen.end())
			continue;
		seen.push_back(mapping.file);
		const auto file = collector::open_mapped_file(pid, mapping);
		if (!file.ok())
			continue;
		if (const auto index = collector::CodeIndex::read(file->get()); index.ok())
			any |= look_into(*index, mapping.path, runtimes);
	}
	if (!any)
		write_output(fmt::format("process {}: no runtime that is known here\n", pid));
	return kExitOk;
}

} // namespace

int list_drivers(const std::vector<std::string> &files)
{
	const auto drivers = recording::chosen_drivers({}, files);
	if (!drivers.ok()) {
		print_error(drivers.error());
		return kExitUsage;
	}
	for (const recording::DriverDescription &driver : *drivers) {
		std::vector<std::string> sources;
		for (const recording::DriverSource &source : driver.sources)
			sources.push_back(source.name);
		write_output(fmt::format("{:14}{}\n", driver.name, driver.title));
		write_output(fmt::format("{:14}knows    {}\n", "", driver.knows));
		if (!driver.infers.empty())
			write_output(fmt::format("{:14}infers   {}\n", "", driver.infers));
		if (!sources.empty())
			write_output(fmt::format("{:14}sources  {}\n", "", fmt::join(sources, "; ")));
		write_output(fmt::format("{:14}seen     {}\n", "", driver.seen));
	}
	return kExitOk;
}

int run_list(const ListCommand &command)
{
	if (!command.pattern.empty() && command.what != "events") {
		print_error({ErrorCode::usage,
			     fmt::format("list {}: \"{}\" is one word too many", command.what, command.pattern), 0,
			     "list events alone takes a pattern"});
		return kExitUsage;
	}
	if (command.what == "events")
		return list_events(command.pattern);
	if (command.what == "devices")
		return list_devices(command.driver_files);
	if (command.what == "drivers")
		return list_drivers(command.driver_files);
	const auto runtimes = collector::chosen_runtimes({}, command.runtime_files);
	if (!runtimes.ok()) {
		print_error(runtimes.error());
		return kExitUsage;
	}
	if (!command.file.empty())
		return list_in_file(command.file, *runtimes);
	if (command.pid != 0)
		return list_in_process(command.pid, *runtimes);
	for (const RuntimeDescription &runtime : *runtimes)
		print_description(runtime);
	return kExitOk;
}

} // namespace neuroperf::viewer
