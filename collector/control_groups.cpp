// SPDX-License-Identifier: Apache-2.0
#include "collector/control_groups.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>

namespace neuroperf::collector {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFewestDigits = 6;
constexpr std::size_t kMaxFolders = 200'000; // of a walk
constexpr int kMaxDepth = 32;
constexpr std::size_t kNamesInMessages = 8;

struct Mount {
	std::string root, point, type, options;
};

// In mountinfo blanks and backslashes stand as octal numbers: "\040".
std::string unescaped(std::string_view text)
{
	std::string plain;
	for (std::size_t i = 0; i < text.size(); i++) {
		const auto octal = [&](std::size_t at) {
			return at < text.size() && text[at] >= '0' && text[at] < '8';
		};
		if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
			plain.push_back(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
							  (text[i + 3] - '0')));
			i += 3;
		} else {
			plain.push_back(text[i]);
		}
	}
	return plain;
}

// id parent device root point options [tags ...] - type source options
std::vector<Mount> read_mounts(const std::string &root)
{
	std::vector<Mount> mounts;
	std::ifstream file(root + "/proc/self/mountinfo");
	std::string line, skipped, source;
	while (std::getline(file, line)) {
		const auto dash = line.find(" - ");
		if (dash == line.npos)
			continue;
		Mount mount;
		std::istringstream front(line.substr(0, dash)), back(line.substr(dash + 3));
		front >> skipped >> skipped >> skipped >> mount.root >> mount.point;
		back >> mount.type >> source >> mount.options;
		mount.root = mount.root == "/" ? "" : unescaped(mount.root);
		mount.point = unescaped(mount.point);
		if (!mount.point.empty())
			mounts.push_back(std::move(mount));
	}
	return mounts;
}

bool has_option(const std::string &options, std::string_view wanted)
{
	std::istringstream list(options);
	std::string option;
	while (std::getline(list, option, ','))
		if (option == wanted)
			return true;
	return false;
}

// To which hierarchy perf_event belongs: 0 is version 2's. -1: the kernel does not have it. Where version 1 is not
// built in, there is no such file.
int perf_hierarchy(const std::string &root)
{
	std::ifstream file(root + "/proc/cgroups");
	if (!file)
		return 0;
	std::string line, name;
	while (std::getline(file, line)) {
		int hierarchy = 0;
		if (std::istringstream(line) >> name >> hierarchy && name == "perf_event")
			return hierarchy;
	}
	return -1;
}

bool knows_version_2(const std::string &root)
{
	std::ifstream file(root + "/proc/filesystems");
	std::string word;
	while (file >> word)
		if (word == "cgroup2")
			return true;
	return false;
}

Error not_mounted(const std::string &root, const std::vector<Mount> &mounts, bool version_2)
{
	// Sysfs, which is there by default, takes no further folders.
	const bool tmpfs = std::any_of(mounts.begin(), mounts.end(), [](const Mount &mount) {
		return mount.point == "/sys/fs/cgroup" && mount.type == "tmpfs";
	});
	version_2 = version_2 && knows_version_2(root);
	std::string place = "/sys/fs/cgroup", make_place;
	if (tmpfs || !version_2) {
		place += version_2 ? "/unified" : "/perf_event";
		make_place = (tmpfs ? "" : "mount -t tmpfs none /sys/fs/cgroup && ") + ("mkdir -p " + place + " && ");
	}
	const std::string command =
		version_2 ? "mount -t cgroup2 none " + place : "mount -t cgroup -o perf_event perf_event " + place;
	return {ErrorCode::unsupported,
		"the control groups that perf events know (controller perf_event) are not mounted", 0,
		fmt::format("as root: {}{}", make_place, command)};
}

// Folders below `path`, sorted.
std::vector<std::string> folders_in(const std::string &path)
{
	std::vector<std::string> names;
	std::error_code error;
	for (fs::directory_iterator entry(path, fs::directory_options::skip_permission_denied, error), end;
	     !error && entry != end; entry.increment(error)) {
		std::error_code ignored;
		if (entry->is_directory(ignored) && !entry->is_symlink(ignored))
			names.push_back(entry->path().filename());
	}
	std::sort(names.begin(), names.end());
	return names;
}

// Calls `visit` with the name, below `path`, of every folder; `visit` says whether to go into it. Groups above others
// come first. False: there were too many, and not all were seen.
bool walk(const std::string &path, const std::function<bool(const std::string &)> &visit)
{
	std::size_t seen = 0;
	std::vector<std::string> level = {""};
	for (int depth = 0; depth < kMaxDepth && !level.empty(); depth++) {
		std::vector<std::string> next;
		for (const std::string &parent : level) {
			for (const std::string &folder : folders_in(path + "/" + parent)) {
				if (++seen > kMaxFolders)
					return false;
				std::string name = parent.empty() ? folder : parent + "/" + folder;
				if (visit(name))
					next.push_back(std::move(name));
			}
		}
		level = std::move(next);
	}
	return level.empty();
}

std::string listed(const std::vector<std::string> &names)
{
	std::string text;
	for (std::size_t i = 0; i < std::min(names.size(), kNamesInMessages); i++)
		text += (i > 0 ? ", " : "") + names[i];
	return text +
	       (names.size() > kNamesInMessages ? fmt::format(" and {} more", names.size() - kNamesInMessages) : "");
}

bool is_hex(std::string_view text)
{
	return !text.empty() && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::optional<pid_t> process_of_thread(pid_t tid)
{
	std::ifstream status(fmt::format("/proc/{}/status", tid));
	std::string line;
	while (std::getline(status, line))
		if (line.starts_with("Tgid:"))
			return std::atoi(line.c_str() + 5);
	return std::nullopt;
}

void add_processes(const std::string &folder, std::vector<pid_t> *pids)
{
	std::ifstream processes(folder + "/cgroup.procs");
	pid_t id = 0;
	bool any = false;
	for (; processes >> id; any = true)
		if (id > 0) // 0: of another pid namespace
			pids->push_back(id);
	if (any)
		return;
	// A threaded group of version 2 does not list processes.
	std::ifstream threads(folder + "/cgroup.threads");
	while (threads >> id)
		if (const auto pid = id > 0 ? process_of_thread(id) : std::nullopt)
			pids->push_back(*pid);
}

} // namespace

Result<ControlGroups> ControlGroups::find(const std::string &root)
{
	const int hierarchy = perf_hierarchy(root);
	if (hierarchy < 0)
		return Error{ErrorCode::unsupported, "this kernel cannot sample control groups", 0,
			     "it was built without CONFIG_CGROUP_PERF; record by process instead: -p PID"};
	const std::vector<Mount> mounts = read_mounts(root);
	ControlGroups groups;
	groups.version_2_ = hierarchy == 0;
	const Mount *found = nullptr;
	for (const Mount &mount : mounts) {
		const bool fits = groups.version_2_ ? mount.type == "cgroup2"
						    : mount.type == "cgroup" && has_option(mount.options, "perf_event");
		std::error_code ignored;
		if (fits && (!found || mount.root.size() < found->root.size()) && // the more of it, the better
		    fs::is_directory(root + mount.point, ignored))
			found = &mount;
	}
	if (!found)
		return not_mounted(root, mounts, groups.version_2_);
	groups.mount_point_ = root + found->point;
	groups.mounted_group_ = found->root;
	return groups;
}

Result<ControlGroup> ControlGroups::open(const std::string &name, std::string container) const
{
	ControlGroup group;
	group.name = name;
	group.path = name.empty() ? mount_point_ : mount_point_ + "/" + name;
	group.container = std::move(container);
	group.folder = UniqueFd(::open(group.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (group.folder.valid())
		return group;
	const int code = errno;
	return Error{code == ENOENT ? ErrorCode::not_found : ErrorCode::io,
		     fmt::format("cannot open the control group {}: {}", group.path, std::strerror(code)), code, ""};
}

Result<ControlGroup> ControlGroups::by_name(std::string_view name) const
{
	std::string_view below = name;
	for (const std::string &prefix : {mount_point_, mounted_group_})
		if (!prefix.empty() && below.starts_with(prefix) &&
		    (below.size() == prefix.size() || below[prefix.size()] == '/'))
			below.remove_prefix(prefix.size());
	std::string clean, known;
	bool missing = false;
	std::istringstream parts{std::string(below)};
	for (std::string part; std::getline(parts, part, '/');) {
		if (part.empty() || part == ".")
			continue;
		if (part == "..")
			return Error{ErrorCode::usage, fmt::format("'{}' is no name of a control group", name), 0,
				     fmt::format("give it as it stands below {}", mount_point_)};
		clean += (clean.empty() ? "" : "/") + part;
		std::error_code ignored;
		missing = missing || !fs::is_directory(mount_point_ + "/" + clean, ignored);
		if (!missing)
			known = clean;
	}
	if (!missing)
		return open(clean);
	const std::vector<std::string> there = folders_in(known.empty() ? mount_point_ : mount_point_ + "/" + known);
	const std::string where = known.empty() ? mount_point_ : "'" + known + "'";
	return Error{ErrorCode::not_found, fmt::format("there is no control group '{}' in {}", clean, mount_point_),
		     ENOENT,
		     there.empty() ? fmt::format("there are none in {}", where)
				   : fmt::format("{} has {}", where, listed(there))};
}

std::string_view container_of_folder(std::string_view folder)
{
	constexpr std::string_view kScope = ".scope";
	// Names that users chose.
	if (folder.starts_with("lxc.payload."))
		return folder.substr(12);
	if (folder.ends_with(kScope)) {
		folder.remove_suffix(kScope.size());
		if (folder.starts_with("machine-"))
			return folder.substr(8);
	}
	// ENGINE-ID and ID; what ends in -conmon-ID watches the container.
	if (folder.find("conmon") != folder.npos)
		return "";
	const std::string_view id = folder.substr(folder.rfind('-') + 1);
	return id.size() == 64 && is_hex(id) ? id : "";
}

Result<ControlGroup> ControlGroups::by_container(std::string_view id) const
{
	std::string wanted(id);
	std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](unsigned char c) { return std::tolower(c); });
	const bool prefix = is_hex(wanted) && wanted.size() >= kFewestDigits;
	std::map<std::string, std::string> exact, similar; // container -> its group, the uppermost
	std::vector<std::string> others;
	// What a container holds is not looked at: it may hold containers of its own, or name folders as it likes.
	const bool whole = walk(mount_point_, [&](const std::string &group) {
		const std::string_view folder = std::string_view(group).substr(group.rfind('/') + 1);
		const std::string_view container = container_of_folder(folder);
		if (!id.empty() && (container == id || container == wanted || folder == id))
			exact.emplace(id, group);
		else if (prefix && container.starts_with(wanted))
			similar.emplace(container, group);
		else if (!container.empty())
			others.push_back(fmt::format("{:.12}", container));
		return container.empty();
	});
	const auto &found = exact.empty() ? similar : exact;
	if (found.size() == 1)
		return open(found.begin()->second, found.begin()->first);
	if (found.size() > 1) {
		std::vector<std::string> names;
		for (const auto &[container, group] : found)
			names.push_back(fmt::format("{:.16} ({})", container, group));
		return Error{ErrorCode::usage, fmt::format("'{}' is the beginning of more than one container's id", id),
			     0, "give more of it: " + listed(names)};
	}
	std::string hint = others.empty() ? "no containers are seen here; look on the host itself, not in a container"
					  : "there are " + listed(others);
	if (is_hex(wanted) && !prefix)
		hint = fmt::format("give at least {} digits; {}", kFewestDigits, hint);
	else if (!is_hex(wanted))
		hint = "give its id, as docker ps or crictl ps show it; " + hint;
	if (!whole)
		hint += "; not all groups were looked at, name its group with -G";
	return Error{ErrorCode::not_found, fmt::format("there is no container '{}' in {}", id, mount_point_), ENOENT,
		     hint};
}

std::vector<pid_t> processes_in(const ControlGroup &group)
{
	std::vector<pid_t> pids;
	add_processes(group.path, &pids);
	walk(group.path, [&](const std::string &name) {
		add_processes(group.path + "/" + name, &pids);
		return true;
	});
	std::sort(pids.begin(), pids.end());
	pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
	return pids;
}

} // namespace neuroperf::collector
