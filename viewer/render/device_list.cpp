// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/device_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {
namespace {

using collector::DeviceList;
using collector::DeviceNode;
using collector::ListedDevice;
using collector::UsableDescription;
using collector::UsableSource;

std::string line(std::string_view what, const std::string &text)
{
	return fmt::format("  {:9}{}\n", what, text);
}

std::string or_not_told(const std::string &text)
{
	return text.empty() ? "n/a: sysfs does not say" : printable(text);
}

std::string bus_text(const DeviceNode &node)
{
	if (node.bus.empty() && !node.address.empty())
		return fmt::format("none; the device is {}", printable(node.address));
	return or_not_told(node.bus.empty() ? "" : fmt::format("{} {}", node.bus, node.address));
}

// What of its tracepoints is here.
std::string sources_text(const UsableDescription &description, bool tracefs_known)
{
	const std::size_t all = description.sources.size();
	if (all == 0)
		return "no tracepoints of its own; its jobs are those of the DRM scheduler, known by its fences";
	if (!tracefs_known)
		return "n/a: tracepoints are not known";
	if (const UsableSource *used = description.used())
		return fmt::format("tracepoints of {} ({} of {} sources found)", printable(used->name),
				   description.whole_sources(), all);
	std::vector<std::string> parts;
	for (const UsableSource &source : description.sources)
		parts.push_back(
			fmt::format("{}: {} of {} tracepoints", printable(source.name), source.found, source.wanted));
	return fmt::format("n/a: tracefs has not all tracepoints of any source ({})", fmt::join(parts, "; "));
}

std::string device_text(const ListedDevice &device, bool tracefs_known)
{
	std::string text = printable(device.node.path) + "\n";
	if (!device.node.has_node)
		text += line("node", "n/a: it is in sysfs, but not in /dev (a container without the device?)");
	text += line("driver", or_not_told(device.node.driver));
	text += line("bus", bus_text(device.node));
	for (const UsableDescription &description : device.descriptions)
		text += line("jobs",
			     fmt::format("{} ({}): {}", printable(description.name), printable(description.title),
					 sources_text(description, tracefs_known)));
	if (device.descriptions.empty())
		text += line("jobs", fmt::format("n/a: {}; neuroperf list drivers names those that are described",
						 printable(device.problem)));
	return text;
}

} // namespace

std::string render_device_list(const DeviceList &list)
{
	if (list.devices.empty())
		return fmt::format("this machine has no accelerator: there is no {}\n",
				   printable(fmt::format("{}", fmt::join(list.patterns, ", "))));
	std::string text;
	for (const ListedDevice &device : list.devices)
		text += device_text(device, !list.tracefs);
	if (list.tracefs)
		text += fmt::format("tracepoints are not known: {}{}\n", printable(list.tracefs->what),
				    list.tracefs->hint.empty() ? ""
							       : fmt::format(" ({})", printable(list.tracefs->hint)));
	return text;
}

} // namespace neuroperf::viewer
