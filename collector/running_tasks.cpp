// SPDX-License-Identifier: Apache-2.0
#include "collector/running_tasks.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace neuroperf::collector {
namespace {

using recording::RecordIdentity;

// How many threads are asked for the mappings of a process whose first thread has ended.
constexpr std::size_t kThreadsToAsk = 16;

Error no_process(std::string_view kind, pid_t id)
{
	return {ErrorCode::not_found, fmt::format("there is no {} {}", kind, id), ESRCH,
		"it may have ended, or belong to another user on a system that hides such processes (hidepid)"};
}

// The start of a small file of /proc; nothing if it is gone.
std::optional<std::string> read_small(int folder, const std::string &path)
{
	const UniqueFd file(::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC));
	if (!file.valid())
		return std::nullopt;
	char text[2048];
	ssize_t got;
	while ((got = ::read(file.get(), text, sizeof text)) < 0 && errno == EINTR) {
	}
	if (got <= 0)
		return std::nullopt;
	return std::string(text, static_cast<std::size_t>(got));
}

// A task's name, which may hold newlines before the one at its end.
std::optional<std::string> name_in(int folder, const std::string &path)
{
	std::optional<std::string> name = read_small(folder, path);
	if (name && name->ends_with('\n'))
		name->pop_back();
	return name;
}

// The names in a folder that are numbers, ascending: parents mostly come before their children.
Result<std::vector<pid_t>> numbers_in(int folder, const char *path)
{
	const int descriptor = ::openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *const listed = descriptor >= 0 ? ::fdopendir(descriptor) : nullptr;
	if (!listed) {
		const int code = errno;
		if (descriptor >= 0)
			::close(descriptor);
		return Error{ErrorCode::io, fmt::format("cannot list {}: {}", path, std::strerror(code)), code, ""};
	}
	const std::unique_ptr<DIR, int (*)(DIR *)> closer(listed, ::closedir);
	std::vector<pid_t> numbers;
	while (const dirent *entry = ::readdir(listed)) {
		pid_t number = 0;
		const char *const end = entry->d_name + std::strlen(entry->d_name);
		const auto [stop, error] = std::from_chars(entry->d_name, end, number);
		if (error == std::errc{} && stop == end && number > 0)
			numbers.push_back(number);
	}
	std::sort(numbers.begin(), numbers.end());
	return numbers;
}

// "pid (name) state parent ...", where the name may hold anything, parentheses too.
std::optional<pid_t> parent_of(int folder)
{
	const auto stat = read_small(folder, "stat");
	const auto close = stat ? stat->rfind(')') : std::string::npos;
	if (close == std::string::npos || stat->size() < close + 4)
		return std::nullopt;
	pid_t parent = 0;
	std::from_chars(stat->data() + close + 4, stat->data() + stat->size(), parent);
	return parent;
}

std::optional<pid_t> process_of(int folder)
{
	constexpr std::string_view key = "\nTgid:\t"; // the name, which stands before it, has its newlines escaped
	const auto status = read_small(folder, "status");
	const auto at = status ? status->find(key) : std::string::npos;
	if (at == std::string::npos)
		return std::nullopt;
	pid_t pid = 0;
	std::from_chars(status->data() + at + key.size(), status->data() + status->size(), pid);
	return pid > 0 ? std::optional(pid) : std::nullopt;
}

} // namespace

RunningTasks::RunningTasks(RunningTasksOptions options) : options_(std::move(options)) {}

RecordIdentity RunningTasks::identity(pid_t pid, pid_t tid) const
{
	RecordIdentity who = options_.moment;
	who.pid = static_cast<uint32_t>(pid);
	who.tid = static_cast<uint32_t>(tid);
	return who;
}

UniqueFd RunningTasks::open_process(pid_t pid) const
{
	const std::string path = fmt::format("{}/{}", options_.proc, pid);
	return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// FORK and COMM. perf, too, says of running processes that they have none of their parent's mappings.
bool RunningTasks::add_task(int folder, pid_t pid, pid_t tid, pid_t parent, std::string *records)
{
	const std::optional<std::string> name = name_in(folder, fmt::format("task/{}/comm", tid));
	if (!name) {
		counts_.vanished++;
		return false;
	}
	if (!threads_.insert(tid).second)
		return true;
	const auto parent_id = static_cast<uint32_t>(tid == pid ? parent : pid);
	const RecordIdentity who = identity(pid, tid);
	*records += recording::fork_record(who, parent_id, parent_id, PERF_RECORD_MISC_FORK_EXEC, options_.sample_type);
	*records += recording::comm_record(who, *name, options_.sample_type);
	counts_.threads++;
	return true;
}

void RunningTasks::add_mapping(int folder, pid_t pid, const ProcessMapping &mapping, std::string *records)
{
	const bool executable = mapping.protection & PROT_EXEC;
	if (!executable && !(options_.data && mapping.protection & PROT_READ))
		return;
	recording::MappedFile file;
	file.start = mapping.start;
	file.length = mapping.end - mapping.start;
	file.file_offset = mapping.file_offset;
	file.device_major = mapping.device_major;
	file.device_minor = mapping.device_minor;
	file.inode = mapping.inode;
	file.protection = mapping.protection;
	file.flags = mapping.shared ? MAP_SHARED : MAP_PRIVATE;
	file.build_id = build_ids_.of(folder, mapping);
	const std::string path = mapping.path.empty() ? "//anon" : unescaped_path(mapping.path);
	file.path = path.size() > recording::kMaxPath ? "//toolong" : std::string_view(path); // the kernel's words
	const uint16_t misc = PERF_RECORD_MISC_USER | (executable ? 0 : PERF_RECORD_MISC_MMAP_DATA);
	*records += recording::mmap2_record(identity(pid, pid), misc, file, options_.sample_type);
	counts_.mappings++;
	counts_.build_ids += !file.build_id.empty();
}

// All threads have the same; the first one's are gone when it has ended before the others.
void RunningTasks::add_mappings(int folder, pid_t pid, const std::vector<pid_t> &tids, std::string *records)
{
	const auto take = [&](const ProcessMapping &mapping) { add_mapping(folder, pid, mapping, records); };
	Result<uint64_t> read = for_each_mapping(folder, "maps", take);
	for (std::size_t i = 0; i < std::min(tids.size(), kThreadsToAsk) && read.ok() && *read == 0; i++)
		if (tids[i] != pid)
			read = for_each_mapping(folder, fmt::format("task/{}/maps", tids[i]).c_str(), take);
	counts_.unreadable_files = build_ids_.unreadable();
	if (read.ok())
		return;
	const int code = read.error().system_errno;
	if (code != EACCES && code != EPERM) {
		counts_.vanished++;
		return;
	}
	counts_.denied++;
	if (counts_.denied_name.empty())
		counts_.denied_name = fmt::format("{} ({})", pid, name_in(folder, "comm").value_or("?"));
}

bool RunningTasks::add_process(int folder, pid_t pid, std::string *records)
{
	const std::optional<pid_t> parent = parent_of(folder);
	const auto tids = numbers_in(folder, "task");
	if (!parent || !tids.ok() || tids->empty()) {
		counts_.vanished++;
		return false;
	}
	bool any = false;
	for (const pid_t tid : *tids)
		any |= add_task(folder, pid, tid, *parent, records);
	if (!any || !added_.insert(pid).second)
		return any;
	counts_.processes++;
	add_mappings(folder, pid, *tids, records);
	return true;
}

Status RunningTasks::add_process(pid_t pid, std::string *records)
{
	const UniqueFd folder = open_process(pid);
	// /proc/TID is there for every thread, though not listed.
	if (!folder.valid() || process_of(folder.get()) != pid || !add_process(folder.get(), pid, records))
		return no_process("process", pid);
	return Done{};
}

Status RunningTasks::add_thread(pid_t tid, std::string *records)
{
	const UniqueFd thread = open_process(tid);
	const std::optional<pid_t> pid = thread.valid() ? process_of(thread.get()) : std::nullopt;
	const UniqueFd folder = pid ? open_process(*pid) : UniqueFd();
	const std::optional<pid_t> parent = folder.valid() ? parent_of(folder.get()) : std::nullopt;
	if (!parent)
		return no_process("thread", tid);
	if (!added_.contains(*pid))
		add_task(folder.get(), *pid, *pid, *parent, records);
	if (tid != *pid && !add_task(folder.get(), *pid, tid, *parent, records))
		return no_process("thread", tid);
	if (added_.insert(*pid).second) {
		counts_.processes++;
		add_mappings(folder.get(), *pid, {tid}, records);
	}
	return Done{};
}

Status RunningTasks::add_all(std::string *records)
{
	const auto pids = numbers_in(AT_FDCWD, options_.proc.c_str());
	if (!pids.ok())
		return pids.error();
	for (const pid_t pid : *pids) {
		const UniqueFd folder = open_process(pid);
		if (folder.valid())
			add_process(folder.get(), pid, records);
		else
			counts_.vanished++;
	}
	return Done{};
}

std::string RunningTasks::complaint() const
{
	if (counts_.denied == 0)
		return "";
	return fmt::format("code of {} running process{} cannot be named: this user may not read the mappings of {}",
			   counts_.denied, counts_.denied == 1 ? "" : "es", counts_.denied_name);
}

} // namespace neuroperf::collector
