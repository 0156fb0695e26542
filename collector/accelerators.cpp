// SPDX-License-Identifier: Apache-2.0
#include "collector/accelerators.hpp"

#include <glob.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>

#include "collector/kernel_files.hpp"

namespace neuroperf::collector {
namespace {

using recording::DriverDescription;

// The last part of what a link points to; empty if it is none.
std::string target_name(const std::string &link)
{
	char target[PATH_MAX];
	const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
	if (length <= 0)
		return "";
	const std::string text(target, static_cast<std::size_t>(length));
	return text.substr(text.rfind('/') + 1);
}

bool has(const std::vector<std::string> &names, const std::string &name)
{
	return !name.empty() && std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> matching_paths(const std::string &pattern)
{
	std::vector<std::string> paths;
	glob_t found{};
	if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
		paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
	::globfree(&found);
	std::sort(paths.begin(), paths.end());
	return paths;
}

std::string description_of(const std::string &driver, const std::string &module,
			   const std::vector<DriverDescription> &drivers)
{
	for (const DriverDescription &one : drivers)
		if (has(one.drm_names, driver) || has(one.modules, driver) || has(one.modules, module))
			return one.name;
	return "";
}

void add_class(const std::string &root, const std::string &folder, const std::string &prefix, const std::string &nodes,
	       const std::vector<DriverDescription> &drivers, std::vector<Accelerator> *found)
{
	for (const std::string &name : folder_names(root + folder)) {
		if (!name.starts_with(prefix))
			continue;
		const std::string device = root + folder + "/" + name + "/device";
		const std::string driver = target_name(device + "/driver");
		found->push_back({nodes + name, driver, target_name(device),
				  description_of(driver, target_name(device + "/driver/module"), drivers)});
	}
}

// Several drivers have nodes there: the class says whose one is.
bool is_of_a_class(const std::string &node)
{
	return node.starts_with("/dev/accel/") || node.starts_with("/dev/dri/");
}

} // namespace

std::vector<Accelerator> find_accelerators(const std::vector<DriverDescription> &drivers, const std::string &root)
{
	std::vector<Accelerator> found;
	add_class(root, "/sys/class/accel", "accel", "/dev/accel/", drivers, &found);
	add_class(root, "/sys/class/drm", "renderD", "/dev/dri/", drivers, &found);
	for (const DriverDescription &driver : drivers)
		for (const std::string &pattern : driver.nodes) {
			if (is_of_a_class(pattern))
				continue;
			for (const std::string &path : matching_paths(root + pattern))
				found.push_back({path.substr(root.size()), "", "", driver.name});
		}
	return found;
}

} // namespace neuroperf::collector
