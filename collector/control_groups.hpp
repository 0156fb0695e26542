// SPDX-License-Identifier: Apache-2.0
// Control groups to sample: by name (-G) or by the container that runs in one (--container).
//
// The kernel's perf events know one hierarchy: version 1's with the controller perf_event if that is mounted anywhere,
// else version 2's. It is looked up in /proc, not at a usual place. Container engines leave no other trace in the
// hierarchy than the names of their folders, which hold the container's id.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

struct ControlGroup {
	std::string name;      // below the hierarchy's root, "" for the root itself
	std::string path;      // of its folder
	std::string container; // id or name, when looked up by it
	UniqueFd folder;       // for perf_event_open with PERF_FLAG_PID_CGROUP, in place of the pid
};

class ControlGroups {
public:
	// Finds the hierarchy that perf events use. `root`: where proc is looked for, "" for this machine's.
	static Result<ControlGroups> find(const std::string &root = "");

	// "user.slice/my.scope", with or without a slash before it, or the whole path of its folder.
	Result<ControlGroup> by_name(std::string_view name) const;
	// A container's id, or its first digits (at least 6), or the name of one that LXC or systemd-nspawn runs.
	Result<ControlGroup> by_container(std::string_view id) const;

	const std::string &mount_point() const { return mount_point_; }
	bool is_version_2() const { return version_2_; }

private:
	ControlGroups() = default;
	Result<ControlGroup> open(const std::string &name, std::string container = "") const;

	std::string mount_point_;
	std::string mounted_group_; // what of the hierarchy is mounted there, "" for all of it
	bool version_2_ = false;
};

// The id or name of the container whose folder has this name; empty when it is no container's (or only its monitor's).
std::string_view container_of_folder(std::string_view folder);

// Processes in the group and the groups below it, ascending; those that we cannot see are left out.
std::vector<pid_t> processes_in(const ControlGroup &group);

} // namespace neuroperf::collector
