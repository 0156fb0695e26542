// SPDX-License-Identifier: Apache-2.0
#include "collector/tracepoint_events.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "collector/kernel_files.hpp"
#include "collector/near_names.hpp"

namespace neuroperf::collector {
namespace {

constexpr const char *kTracefs[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
constexpr std::size_t kMaxFormatBytes = 256 * 1024;

bool is_pattern(const std::string &text)
{
	return text.find_first_of("*?[") != text.npos;
}

bool matches(const std::string &pattern, const std::string &name)
{
	return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

// An existing folder of events, readable or not; where tracefs is not mounted there is none.
std::string find_events_folder(const EventSources &sources)
{
	if (!sources.tracefs.empty())
		return sources.tracefs + "/events";
	int error = ENOENT;
	std::string hidden; // behind a folder that is not ours to enter
	for (const char *root : kTracefs) {
		const std::string path = std::string(root) + "/events";
		if (::access(path.c_str(), R_OK | X_OK) == 0)
			return path;
		error = errno;
		if (error == EACCES && hidden.empty())
			hidden = path;
	}
	return hidden.empty() ? std::string(kTracefs[0]) + "/events" : hidden;
}

Status check_readable(const std::string &events_folder)
{
	if (::access(events_folder.c_str(), R_OK | X_OK) == 0)
		return Done{};
	const int code = errno;
	const std::string root = events_folder.substr(0, events_folder.rfind('/'));
	if (code == EACCES)
		return Error{ErrorCode::privilege, fmt::format("tracefs at {} is not readable to this user", root),
			     code, fmt::format("run as root, or: sudo mount -o remount,mode=755 {}", root)};
	return Error{ErrorCode::not_found, fmt::format("tracefs is not mounted at {}", root), code,
		     fmt::format("as root: mount -t tracefs tracefs {}", root)};
}

// Every tracepoint of the systems that match, for patterns; names come from tracefs, so no path leads out of it.
std::vector<TracepointName> find_all(const std::string &events_folder, const std::string &system,
				     const std::string &name)
{
	std::vector<TracepointName> found;
	for (const std::string &candidate : folder_names(events_folder)) {
		if (is_pattern(system) ? !matches(system, candidate) : system != candidate)
			continue;
		for (const std::string &event : folder_names(events_folder + "/" + candidate)) {
			const std::string id = fmt::format("{}/{}/{}/id", events_folder, candidate, event);
			if ((is_pattern(name) ? matches(name, event) : name == event) &&
			    ::access(id.c_str(), F_OK) == 0)
				found.push_back({candidate, event});
		}
	}
	return found;
}

Error none_found(const std::string &events_folder, const std::string &system, const std::string &name)
{
	const std::vector<std::string> systems = folder_names(events_folder);
	const bool known = std::find(systems.begin(), systems.end(), system) != systems.end();
	const std::string near =
		known ? did_you_mean(name, folder_names(events_folder + "/" + system)) : did_you_mean(system, systems);
	return {ErrorCode::not_found,
		fmt::format("no tracepoint {}:{}; tracefs is at {}", system, name,
			    events_folder.substr(0, events_folder.rfind('/'))),
		0,
		near.empty()
			? fmt::format(
				  "neuroperf list events '{}:*' lists them; its kernel module may have to be loaded",
				  known ? system : "*")
			: near};
}

Result<RequestedEvent> read_tracepoint(const std::string &events_folder, const TracepointName &found)
{
	const std::string folder = fmt::format("{}/{}/{}", events_folder, found.system, found.name);
	Result<std::string> id = read_kernel_file(folder + "/id");
	if (!id.ok())
		return id.error();
	Result<std::string> format = read_kernel_file(folder + "/format", kMaxFormatBytes);
	if (!format.ok())
		return format.error();
	const std::string_view digits = without_blanks(*id);
	uint32_t number = 0;
	const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
	if (error != std::errc{} || stop != digits.data() + digits.size())
		return Error{ErrorCode::format, fmt::format("{}/id holds no number", folder), 0, ""};
	RequestedEvent event = requested_event(PERF_TYPE_TRACEPOINT, number);
	event.name = found.system + ":" + found.name;
	event.tracepoint_system = found.system;
	event.tracepoint_name = found.name;
	event.tracepoint_format = std::move(*format);
	return event;
}

} // namespace

bool has_tracepoint_system(const std::string &system, const EventSources &sources)
{
	const std::vector<std::string> systems = folder_names(find_events_folder(sources));
	return std::any_of(systems.begin(), systems.end(),
			   [&](const std::string &name) { return name == system || matches(system, name); });
}

Result<std::vector<TracepointName>> tracepoint_names(const EventSources &sources)
{
	const std::string events_folder = find_events_folder(sources);
	if (Status readable = check_readable(events_folder); !readable.ok())
		return readable.error();
	return find_all(events_folder, "*", "*");
}

Result<std::vector<RequestedEvent>> tracepoint_events(const std::string &system, const std::string &name,
						      const EventSources &sources)
{
	const std::string events_folder = find_events_folder(sources);
	if (Status readable = check_readable(events_folder); !readable.ok())
		return readable.error();
	const std::vector<TracepointName> found = find_all(events_folder, system, name);
	if (found.empty())
		return none_found(events_folder, system, name);
	if (found.size() > kMaxRequestedEvents)
		return Error{ErrorCode::usage,
			     fmt::format("it matches {} tracepoints, more than {}", found.size(), kMaxRequestedEvents),
			     0, "name fewer of them"};
	std::vector<RequestedEvent> events;
	for (const TracepointName &tracepoint : found) {
		Result<RequestedEvent> event = read_tracepoint(events_folder, tracepoint);
		if (!event.ok())
			return event.error();
		events.push_back(std::move(*event));
	}
	return events;
}

} // namespace neuroperf::collector
