// SPDX-License-Identifier: Apache-2.0
#include "collector/device_list.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "collector/device_match.hpp"
#include "collector/driver_places.hpp"
#include "collector/tracepoint_events.hpp"

namespace neuroperf::collector {
namespace {

using recording::DriverDescription;
using recording::DriverSource;

constexpr const char *kPatterns[] = {"/dev/accel/accel*", "/dev/dri/renderD*"};
constexpr const char *kCards = "/dev/dri/card*"; // their render nodes are listed

bool contains(const std::vector<std::string> &names, const std::string &name)
{
	return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_there(const std::string &path)
{
	return ::access(path.c_str(), F_OK) == 0;
}

std::vector<std::string> node_patterns(const std::vector<DriverDescription> &drivers)
{
	std::vector<std::string> patterns(std::begin(kPatterns), std::end(kPatterns));
	for (const DriverDescription &driver : drivers)
		for (const std::string &pattern : driver.nodes)
			if (pattern != kCards && !contains(patterns, pattern))
				patterns.push_back(pattern);
	return patterns;
}

class DeviceMatcher {
public:
	DeviceMatcher(const std::vector<DriverDescription> &drivers, const EventSources &sources,
		      const std::string &root)
		: drivers_(drivers), root_(root), places_(sources, root)
	{
		const auto tracepoints = tracepoint_names(sources);
		if (!tracepoints.ok()) {
			problem_ = tracepoints.error();
			return;
		}
		for (const TracepointName &tracepoint : *tracepoints)
			tracepoints_.insert(tracepoint.system + ":" + tracepoint.name);
	}

	ListedDevice describe(DeviceNode node) const;
	const std::optional<Error> &tracefs_problem() const { return problem_; }

private:
	bool carries(const DriverDescription &driver, const DeviceNode &node, const DriverDescription *own) const;
	const DriverDescription *own_description(const DeviceNode &node) const;
	UsableDescription usable(const DriverDescription &driver) const;
	std::string why_none(const DeviceNode &node) const;

	const std::vector<DriverDescription> &drivers_;
	std::string root_;
	mutable DriverPlaces places_; // what was looked up once is kept
	std::set<std::string> tracepoints_;
	std::optional<Error> problem_;
};

const DriverDescription *DeviceMatcher::own_description(const DeviceNode &node) const
{
	for (const DriverDescription &driver : drivers_)
		if (names_driver(driver, node))
			return &driver;
	for (const DriverDescription &driver : drivers_)
		if (!driver.is_general && names_node(driver, node, root_))
			return &driver;
	return nullptr;
}

// Whether the device's driver stands on what this description is of: it has neither nodes nor a name of its own.
bool DeviceMatcher::carries(const DriverDescription &driver, const DeviceNode &node, const DriverDescription *own) const
{
	if (driver.modules.empty() || !driver.nodes.empty() || !driver.drm_names.empty())
		return false;
	if (own && own->sources.empty()) // which says that its jobs are those of the scheduler
		return is_loaded(driver, root_);
	return !node.module.empty() &&
	       std::any_of(driver.modules.begin(), driver.modules.end(), [&](const std::string &name) {
		       return is_there(root_ + "/sys/module/" + name + "/holders/" + node.module);
	       });
}

UsableDescription DeviceMatcher::usable(const DriverDescription &driver) const
{
	UsableDescription description{driver.name, driver.title, {}};
	for (const DriverSource &source : driver.sources) {
		const std::vector<std::string> events = source.events();
		const auto found = std::count_if(events.begin(), events.end(), [&](const std::string &event) {
			const recording::DriverProbe *probe = driver.probe_of(event);
			return probe ? places_.problem_of(driver, *probe).empty() : tracepoints_.count(event) > 0;
		});
		description.sources.push_back({source.name, static_cast<std::size_t>(found), events.size()});
	}
	return description;
}

std::string DeviceMatcher::why_none(const DeviceNode &node) const
{
	if (node.device_class.empty())
		return "sysfs does not know this device, so its driver is not known";
	if (node.driver.empty())
		return "sysfs names no driver of it";
	return fmt::format("there is no description of the driver {}", node.driver);
}

ListedDevice DeviceMatcher::describe(DeviceNode node) const
{
	ListedDevice device;
	const DriverDescription *own = own_description(node);
	if (own)
		device.descriptions.push_back(usable(*own));
	bool has_events = own && !own->sources.empty();
	for (const DriverDescription &driver : drivers_)
		if (&driver != own && carries(driver, node, own)) {
			device.descriptions.push_back(usable(driver));
			has_events = true;
		}
	for (const DriverDescription &driver : drivers_)
		if (has_events && driver.is_beside && &driver != own)
			device.descriptions.push_back(usable(driver));
	if (device.descriptions.empty())
		device.problem = why_none(node);
	device.node = std::move(node);
	return device;
}

} // namespace

std::size_t UsableDescription::whole_sources() const
{
	return static_cast<std::size_t>(std::count_if(sources.begin(), sources.end(),
						      [](const UsableSource &source) { return source.is_whole(); }));
}

const UsableSource *UsableDescription::used() const
{
	const auto found = std::find_if(sources.begin(), sources.end(),
					[](const UsableSource &source) { return source.is_whole(); });
	return found == sources.end() ? nullptr : &*found;
}

DeviceList list_devices(const std::vector<DriverDescription> &drivers, const EventSources &sources,
			const std::string &root)
{
	DeviceList list{node_patterns(drivers), {}, {}};
	const DeviceMatcher matcher(drivers, sources, root);
	for (DeviceNode &node : find_device_nodes(list.patterns, root))
		list.devices.push_back(matcher.describe(std::move(node)));
	if (!list.devices.empty())
		list.tracefs = matcher.tracefs_problem();
	return list;
}

} // namespace neuroperf::collector
