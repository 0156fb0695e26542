// SPDX-License-Identifier: Apache-2.0
// Where on this machine the events of a description's own probes (recording/driver_probe.hpp) can be had: the device
// files of its driver, and whether the kernel has the functions and lets them be probed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/device_nodes.hpp"
#include "collector/requested_event.hpp"
#include "recording/driver_description.hpp"

namespace neuroperf::collector {

struct ProbedDevice {
	uint32_t number = 0; // major << 20 | minor
	std::string node;    // "/dev/accel/accel0"
};

// One event of a probe.
struct PlannedProbe {
	recording::DriverProbe probe;
	bool at_end = false;
	std::vector<ProbedDevice> devices; // of calls: on these
};

class DriverPlaces {
public:
	// `root`: the folder in which dev, proc and sys are looked for, "" for this machine's.
	explicit DriverPlaces(EventSources sources, std::string root = "")
		: sources_(std::move(sources)), root_(std::move(root))
	{
	}

	// Nodes that are of one description are not of a general one.
	void take(const recording::DriverDescription &driver);
	std::vector<ProbedDevice> devices_of(const recording::DriverDescription &driver) const;
	// Why its events cannot be had here; empty: they can.
	std::string problem_of(const recording::DriverDescription &driver, const recording::DriverProbe &probe);

private:
	bool is_of(const recording::DriverDescription &driver, const DeviceNode &node) const;
	bool has_function(const std::string &name);

	EventSources sources_;
	std::string root_;
	std::vector<std::string> taken_;       // nodes
	std::optional<std::string> functions_; // /proc/kallsyms, once it was needed
};

} // namespace neuroperf::collector
