// SPDX-License-Identifier: Apache-2.0
// The accelerators of this machine, by the nodes that their drivers have made, and whose description they fit.
#pragma once

#include <string>
#include <vector>

#include "recording/driver_description.hpp"

namespace neuroperf::collector {

struct Accelerator {
	std::string node;        // "/dev/accel/accel0"
	std::string driver;      // of the kernel; empty: not told
	std::string address;     // on its bus: "0000:00:0b.0"; empty: not told
	std::string description; // the name of its driver's; empty: there is none
};

// Nodes of the classes accel and drm (render nodes), and those that descriptions name. `root`: before /sys and /dev.
std::vector<Accelerator> find_accelerators(const std::vector<recording::DriverDescription> &drivers,
					   const std::string &root = "");

} // namespace neuroperf::collector
