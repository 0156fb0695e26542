// SPDX-License-Identifier: Apache-2.0
// The devices of this machine whose nodes in /dev look like an accelerator's, and what sysfs says of each: the kernel's
// driver, the bus and the address on it.
//
// A device is found by its node or by its entry in a class of sysfs (DEVNAME in its uevent file); in a container either
// may be missing. Nothing is opened but small files of sysfs, and no path is made of what they contain.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace neuroperf::collector {

struct DeviceNode {
	std::string path;                    // "/dev/accel/accel0"
	bool has_node = false;               // in /dev
	std::string device_class;            // "accel"; empty: sysfs does not know the device
	std::string driver, module;          // the kernel's; empty: sysfs names none, as of devices without hardware
	std::string bus, address;            // "pci", "0000:00:0b.0"
	std::vector<std::string> compatible; // of a device tree
	uint32_t number = 0;                 // major << 20 | minor, from find_nodes_in_dev()
};

// Nodes that match one of the patterns ("/dev/accel/accel*"), sorted. `root`: the folder in which dev and sys are
// looked for, "" for this machine's.
std::vector<DeviceNode> find_device_nodes(const std::vector<std::string> &patterns, const std::string &root = "");

// Those of character devices that are in /dev, by names alone: quick where none is, as no class of sysfs is looked
// through.
std::vector<DeviceNode> find_nodes_in_dev(const std::vector<std::string> &patterns, const std::string &root = "");

} // namespace neuroperf::collector
