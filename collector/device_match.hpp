// SPDX-License-Identifier: Apache-2.0
// Which description of a driver (data/drivers) is of which device of this machine, and whether the driver is here.
// `root`: the folder in which dev and sys are looked for, "" for this machine's.
#pragma once

#include <string>

#include "collector/device_nodes.hpp"
#include "recording/driver_description.hpp"

namespace neuroperf::collector {

bool is_loaded(const recording::DriverDescription &driver, const std::string &root);

// The description names the kernel's driver of the device, its module, or what the device tree calls the device.
bool names_driver(const recording::DriverDescription &driver, const DeviceNode &node);

// It names the device's node, and is loaded. Nodes of several drivers have the same names: where sysfs names the
// driver, a description of another one is not meant.
bool names_node(const recording::DriverDescription &driver, const DeviceNode &node, const std::string &root);

} // namespace neuroperf::collector
