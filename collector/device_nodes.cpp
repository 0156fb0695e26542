// SPDX-License-Identifier: Apache-2.0
#include "collector/device_nodes.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <map>

#include "collector/kernel_files.hpp"

namespace neuroperf::collector {
namespace {

using NodesByPath = std::map<std::string, DeviceNode>;

bool matches_any(const std::vector<std::string> &patterns, const std::string &path)
{
	return std::any_of(patterns.begin(), patterns.end(), [&](const std::string &pattern) {
		return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
	});
}

std::string last_part(const std::string &path)
{
	const std::string name = path.substr(path.rfind('/') + 1);
	return name == "." || name == ".." ? "" : name;
}

// Of what a link points to, whether that is there or not; empty if it is no link.
std::string link_name(const std::string &path)
{
	std::array<char, PATH_MAX> target{};
	const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
	return length <= 0 ? "" : last_part(std::string(target.data(), static_cast<std::size_t>(length)));
}

// "KEY=value" of a uevent file.
std::string uevent_value(const std::string &text, const std::string &key)
{
	std::size_t at = 0;
	while (at < text.size()) {
		const std::size_t end = std::min(text.find('\n', at), text.size());
		if (text.compare(at, key.size(), key) == 0)
			return text.substr(at + key.size(), end - at - key.size());
		at = end + 1;
	}
	return "";
}

// The texts of a device tree's property end in zeros.
std::vector<std::string> compatible_of(const std::string &device)
{
	std::vector<std::string> names;
	const auto text = read_kernel_file(device + "/of_node/compatible");
	for (std::size_t at = 0; text.ok() && at < text->size();) {
		const std::size_t end = std::min(text->find('\0', at), text->size());
		names.push_back(text->substr(at, end - at));
		at = end + 1;
	}
	return names;
}

// `entry`: of the device in its class.
void read_sysfs(const std::string &entry, DeviceNode *node)
{
	const std::string device = entry + "/device";
	node->address = link_name(device);
	node->bus = link_name(device + "/subsystem");
	node->driver = link_name(device + "/driver");
	node->module = link_name(device + "/driver/module");
	node->compatible = compatible_of(device);
}

void add_nodes_of_classes(const std::vector<std::string> &patterns, const std::string &root, NodesByPath *nodes)
{
	const std::string classes = root + "/sys/class";
	for (const std::string &name : folder_names(classes))
		for (const std::string &device : folder_names(classes + "/" + name)) {
			const std::string entry = classes + "/" + name + "/" + device;
			const auto uevent = read_kernel_file(entry + "/uevent");
			const std::string path = uevent.ok() ? "/dev/" + uevent_value(*uevent, "DEVNAME=") : "";
			if (!matches_any(patterns, path) || nodes->count(path) > 0)
				continue;
			DeviceNode &node = (*nodes)[path];
			node.path = path;
			node.device_class = name;
			read_sysfs(entry, &node);
		}
}

void add_nodes_in_dev(const std::vector<std::string> &patterns, const std::string &root, NodesByPath *nodes)
{
	for (const std::string &pattern : patterns) {
		const std::string folder = pattern.substr(0, pattern.rfind('/'));
		if (folder != "/dev" && !folder.starts_with("/dev/"))
			continue;
		for (const std::string &name : folder_names(root + folder)) {
			const std::string path = folder + "/" + name;
			if (!matches_any(patterns, path))
				continue;
			DeviceNode &node = (*nodes)[path];
			node.path = path;
			node.has_node = true;
		}
	}
}

} // namespace

std::vector<DeviceNode> find_device_nodes(const std::vector<std::string> &patterns, const std::string &root)
{
	NodesByPath nodes;
	add_nodes_of_classes(patterns, root, &nodes);
	add_nodes_in_dev(patterns, root, &nodes);
	std::vector<DeviceNode> found;
	for (auto &[path, node] : nodes)
		found.push_back(std::move(node));
	return found;
}

std::vector<DeviceNode> find_nodes_in_dev(const std::vector<std::string> &patterns, const std::string &root)
{
	NodesByPath nodes;
	add_nodes_in_dev(patterns, root, &nodes);
	std::vector<DeviceNode> found;
	for (auto &[path, node] : nodes) {
		struct stat info {};
		if (::stat((root + path).c_str(), &info) != 0 || !S_ISCHR(info.st_mode))
			continue;
		const unsigned number_major = major(info.st_rdev), number_minor = minor(info.st_rdev);
		node.number = number_major << 20 | number_minor;
		read_sysfs(fmt::format("{}/sys/dev/char/{}:{}", root, number_major, number_minor), &node);
		found.push_back(std::move(node));
	}
	return found;
}

} // namespace neuroperf::collector
