// SPDX-License-Identifier: Apache-2.0
#include "collector/inside_numbers.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace neuroperf::collector {
namespace {

// Some read all of /proc, which takes milliseconds.
constexpr unsigned kMostSearches = 1 << 16;

// The number in the innermost namespace; 0: gone, or a kernel without CONFIG_PID_NS.
uint32_t number_inside(const std::string &task)
{
	std::ifstream file(task + "/status");
	std::string line;
	while (std::getline(file, line)) {
		if (!line.starts_with("NSpid:"))
			continue;
		std::istringstream numbers(line.substr(line.find(':') + 1));
		uint32_t number = 0;
		while (numbers >> number) {
		}
		return number;
	}
	return 0;
}

bool is_in_namespace(const std::string &task, uint32_t pid_namespace)
{
	struct stat info;
	return ::stat((task + "/ns/pid").c_str(), &info) == 0 && static_cast<uint32_t>(info.st_ino) == pid_namespace;
}

// The folder below this one that is the task with this number inside.
uint32_t find_task(const std::string &folder, uint32_t pid_namespace, uint32_t inside)
{
	std::error_code error;
	for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
	     entry.increment(error)) {
		const std::string name = entry->path().filename();
		uint32_t number = 0;
		const auto [stop, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
		if (failed == std::errc{} && stop == name.data() + name.size() &&
		    number_inside(entry->path()) == inside && is_in_namespace(entry->path(), pid_namespace))
			return number;
	}
	return 0;
}

} // namespace

std::optional<TaskNumbers> InsideNumbers::find(uint32_t pid_namespace, TaskNumbers inside)
{
	if (searches_++ >= kMostSearches)
		return std::nullopt;
	const std::pair key(pid_namespace, inside.pid);
	const auto is_right = [&](uint32_t pid) {
		const std::string task = fmt::format("/proc/{}", pid);
		return number_inside(task) == inside.pid && is_in_namespace(task, pid_namespace);
	};
	auto known = processes_.find(key);
	if (known == processes_.end() || !is_right(known->second)) {
		const uint32_t pid = find_task("/proc", pid_namespace, inside.pid);
		if (pid == 0)
			return std::nullopt;
		known = processes_.insert_or_assign(key, pid).first;
	}
	const uint32_t pid = known->second;
	const uint32_t tid = inside.tid == inside.pid
				     ? pid
				     : find_task(fmt::format("/proc/{}/task", pid), pid_namespace, inside.tid);
	if (tid == 0)
		return std::nullopt;
	return TaskNumbers{pid, tid};
}

} // namespace neuroperf::collector
