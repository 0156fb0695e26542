// SPDX-License-Identifier: Apache-2.0
#include "collector/device_match.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>

namespace neuroperf::collector {
namespace {

using recording::DriverDescription;

bool contains(const std::vector<std::string> &names, const std::string &name)
{
	return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

bool is_loaded(const DriverDescription &driver, const std::string &root)
{
	return std::any_of(driver.modules.begin(), driver.modules.end(), [&](const std::string &name) {
		return ::access((root + "/sys/module/" + name).c_str(), F_OK) == 0;
	});
}

bool names_driver(const DriverDescription &driver, const DeviceNode &node)
{
	for (const std::string &name : {node.driver, node.module})
		if (!name.empty() && (contains(driver.modules, name) || contains(driver.drm_names, name)))
			return true;
	return std::any_of(node.compatible.begin(), node.compatible.end(),
			   [&](const std::string &name) { return contains(driver.compatible, name); });
}

bool names_node(const DriverDescription &driver, const DeviceNode &node, const std::string &root)
{
	const bool of_one_driver = !driver.drm_names.empty() || !driver.fence_drivers.empty();
	if ((of_one_driver && !node.driver.empty()) || !is_loaded(driver, root))
		return false;
	return std::any_of(driver.nodes.begin(), driver.nodes.end(), [&](const std::string &pattern) {
		return ::fnmatch(pattern.c_str(), node.path.c_str(), FNM_PATHNAME) == 0;
	});
}

} // namespace neuroperf::collector
