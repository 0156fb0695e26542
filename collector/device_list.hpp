// SPDX-License-Identifier: Apache-2.0
// The accelerators of this machine, and for each: which descriptions of drivers (data/drivers) tell of its jobs here,
// and whether tracefs has the events that they need.
//
// A description is a device's own if it names the kernel's driver, its module, or what the device tree calls the
// device. Descriptions of what several drivers stand on (the DRM scheduler) are used beside it, where sysfs says that
// the driver stands on it (holders of the module), and those that say so beside any that has events: as a recording
// does (driver_plan.hpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/device_nodes.hpp"
#include "collector/requested_event.hpp"
#include "recording/driver_description.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// One way to see the jobs, and how many of its tracepoints are here.
struct UsableSource {
	std::string name;
	std::size_t found = 0, wanted = 0;
	bool is_whole() const { return found == wanted; }
};

struct UsableDescription {
	std::string name, title;
	std::vector<UsableSource> sources; // none: jobs are those of the DRM scheduler whose fences are its
	std::size_t whole_sources() const;
	const UsableSource *used() const; // the first that is whole; null if none is
};

struct ListedDevice {
	DeviceNode node;
	std::vector<UsableDescription> descriptions; // its own first
	std::string problem;                         // why there are none
};

struct DeviceList {
	std::vector<std::string> patterns; // of the nodes that were looked for
	std::vector<ListedDevice> devices;
	std::optional<Error> tracefs; // why nothing is known of tracepoints
};

DeviceList list_devices(const std::vector<recording::DriverDescription> &drivers, const EventSources &sources,
			const std::string &root = "");

} // namespace neuroperf::collector
