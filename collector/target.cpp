// SPDX-License-Identifier: Apache-2.0
#include "collector/target.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <set>

#include "collector/control_groups.hpp"

namespace neuroperf::collector {
namespace {

// The process a thread belongs to; nullopt if there is no such thread.
std::optional<int> process_of(int thread)
{
	std::ifstream file(fmt::format("/proc/{}/status", thread));
	std::string word;
	int process = 0;
	while (file >> word)
		if (word == "Tgid:" && file >> process)
			return process;
	return std::nullopt;
}

// The names in a folder that are numbers, ascending; none if it is gone.
std::vector<int> numbers_in(const std::string &path)
{
	std::vector<int> numbers;
	DIR *folder = ::opendir(path.c_str());
	if (!folder)
		return numbers;
	while (const dirent *entry = ::readdir(folder)) {
		int number = 0;
		const char *end = entry->d_name + std::strlen(entry->d_name);
		if (std::from_chars(entry->d_name, end, number).ptr == end && number > 0)
			numbers.push_back(number);
	}
	::closedir(folder);
	std::sort(numbers.begin(), numbers.end());
	return numbers;
}

Error no_such(std::string_view what, int id)
{
	return {ErrorCode::not_found, fmt::format("there is no {} {}", what, id), ESRCH, "see ps -eL"};
}

Result<Target> find_control_group(const RecordOptions &options)
{
	const auto groups = ControlGroups::find();
	if (!groups.ok())
		return groups.error();
	const auto group = options.container.empty() ? groups->by_name(options.control_group)
						     : groups->by_container(options.container);
	if (!group.ok())
		return group.error();
	Target target;
	target.kind = Target::Kind::control_group;
	target.folder = group->path;
	target.name = group->container.empty() ? fmt::format("control group {}", group->name)
					       : fmt::format("container {}", group->container);
	target.processes = processes_in(*group);
	return target;
}

Status check_options(const RecordOptions &options)
{
	const bool tasks = !options.processes.empty() || !options.threads.empty();
	const bool group = !options.control_group.empty() || !options.container.empty();
	if (group && (tasks || options.whole_machine || (!options.control_group.empty() && !options.container.empty())))
		return Error{ErrorCode::usage, "-G and --container record one control group, and nothing beside it", 0,
			     "leave out -p, -t and -a"};
	if (tasks && options.whole_machine)
		return Error{ErrorCode::usage, "-a records every process: -p and -t cannot narrow it", 0,
			     "leave out -a"};
	if (options.records_command() && options.command.empty())
		return Error{ErrorCode::usage, "nothing to record: no program, no -p, -t or -a", 0,
			     "neuroperf record ./app, or neuroperf record -p PID"};
	return Done{};
}

} // namespace

std::vector<int> threads_of(int process)
{
	return numbers_in(fmt::format("/proc/{}/task", process));
}

std::vector<int> all_processes()
{
	return numbers_in("/proc");
}

Result<Target> find_target(const RecordOptions &options)
{
	if (Status checked = check_options(options); !checked.ok())
		return checked.error();
	Target target;
	if (options.records_command())
		return target;
	if (!options.control_group.empty() || !options.container.empty())
		return find_control_group(options);
	if (options.processes.empty() && options.threads.empty()) {
		target.kind = Target::Kind::machine;
		return target;
	}
	target.kind = Target::Kind::tasks;
	std::set<int> processes, threads;
	for (const int process : options.processes) {
		const std::vector<int> its_threads = threads_of(process);
		if (its_threads.empty() || process_of(process) != process)
			return no_such("process", process);
		processes.insert(process);
		threads.insert(its_threads.begin(), its_threads.end());
	}
	for (const int thread : options.threads) {
		const std::optional<int> process = process_of(thread);
		if (!process)
			return no_such("thread", thread);
		processes.insert(*process);
		threads.insert(thread);
	}
	target.processes.assign(processes.begin(), processes.end());
	target.threads.assign(threads.begin(), threads.end());
	std::getline(std::ifstream(fmt::format("/proc/{}/comm", target.processes.front())), target.name);
	return target;
}

std::string Target::text() const
{
	if (kind == Kind::program)
		return "";
	if (kind == Kind::machine)
		return "every process";
	if (kind == Kind::control_group)
		return name;
	std::string text = fmt::format("process {} ({})", processes.front(), name);
	if (processes.size() > 1)
		text += fmt::format(" and {} more", processes.size() - 1);
	return text;
}

TargetWatch::TargetWatch(const Target &target)
{
	for (const int thread : target.threads) {
		const bool leads = std::binary_search(target.processes.begin(), target.processes.end(), thread);
		UniqueFd fd(leads ? static_cast<int>(::syscall(SYS_pidfd_open, thread, 0)) : -1);
		if (fd.valid())
			processes_.push_back(std::move(fd));
		else if (!leads || errno != ESRCH)
			threads_.push_back(thread);
	}
}

bool TargetWatch::all_ended()
{
	const auto process_ended = [](const UniqueFd &fd) {
		pollfd entry{fd.get(), POLLIN, 0};
		return ::poll(&entry, 1, 0) > 0;
	};
	const auto thread_ended = [](int thread) {
		return ::access(fmt::format("/proc/{}/task/{}", thread, thread).c_str(), F_OK) != 0;
	};
	std::erase_if(processes_, process_ended);
	if (!processes_.empty()) // threads of a process that lives need no look of their own
		return false;
	std::erase_if(threads_, thread_ended);
	return threads_.empty();
}

} // namespace neuroperf::collector
