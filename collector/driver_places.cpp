// SPDX-License-Identifier: Apache-2.0
#include "collector/driver_places.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "collector/device_match.hpp"
#include "collector/tracepoint_events.hpp"

namespace neuroperf::collector {
namespace {

using recording::DriverDescription;
using recording::DriverProbe;

// Folders in which devices of many drivers have their nodes.
bool is_shared(const std::string &path)
{
	return path.starts_with("/dev/accel/") || path.starts_with("/dev/dri/");
}

const char *call_of(DriverProbe::Kind kind)
{
	switch (kind) {
	case DriverProbe::Kind::ioctl:
		return "sys_enter_ioctl";
	case DriverProbe::Kind::read:
		return "sys_enter_read";
	case DriverProbe::Kind::write:
		return "sys_enter_write";
	case DriverProbe::Kind::function:
		break;
	}
	return "";
}

} // namespace

bool DriverPlaces::is_of(const DriverDescription &driver, const DeviceNode &node) const
{
	if (driver.is_general)
		return std::find(taken_.begin(), taken_.end(), node.path) == taken_.end();
	return names_driver(driver, node) || names_node(driver, node, root_) || !is_shared(node.path);
}

void DriverPlaces::take(const DriverDescription &driver)
{
	for (DeviceNode &node : find_nodes_in_dev(driver.nodes, root_))
		if (is_of(driver, node))
			taken_.push_back(std::move(node.path));
}

std::vector<ProbedDevice> DriverPlaces::devices_of(const DriverDescription &driver) const
{
	std::vector<ProbedDevice> devices;
	for (const DeviceNode &node : find_nodes_in_dev(driver.nodes, root_))
		if (is_of(driver, node))
			devices.push_back({node.number, node.path});
	return devices;
}

// "ffffffffc0a1b2c0 t rknpu_job_done\t[rknpu]"
bool DriverPlaces::has_function(const std::string &name)
{
	if (!functions_) {
		std::ifstream file(root_ + "/proc/kallsyms");
		std::stringstream text;
		text << file.rdbuf();
		functions_ = text.str();
	}
	for (const char kind : {'t', 'T', 'w', 'W'})
		for (const char end : {'\n', '\t'})
			if (functions_->find(fmt::format(" {} {}{}", kind, name, end)) != std::string::npos)
				return true;
	return false;
}

std::string DriverPlaces::problem_of(const DriverDescription &driver, const DriverProbe &probe)
{
	if (probe.is_call()) {
		if (devices_of(driver).empty())
			return fmt::format("there is no {}", fmt::join(driver.nodes, ", "));
		const auto calls = tracepoint_events("syscalls", call_of(probe.kind), sources_);
		return calls.ok() ? "" : calls.error().what;
	}
	if (::access((sources_.pmu_folder + "/kprobe/type").c_str(), F_OK) != 0)
		return fmt::format("the kernel lets no functions be probed (CONFIG_KPROBES), such as {}",
				   probe.function);
	return has_function(probe.function) ? "" : fmt::format("the kernel has no function {}", probe.function);
}

} // namespace neuroperf::collector
