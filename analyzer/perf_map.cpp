// SPDX-License-Identifier: Apache-2.0
#include "analyzer/perf_map.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <vector>

#include "analyzer/regular_file.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr std::string_view kStart = "/tmp/perf-", kEnd = ".map";

// Takes a hexadecimal number, maybe with 0x, and the blanks behind it.
bool take_number(std::string_view *text, uint64_t *value)
{
	if (text->substr(0, 2) == "0x" || text->substr(0, 2) == "0X")
		text->remove_prefix(2);
	const char *end = text->data() + text->size();
	const auto [rest, error] = std::from_chars(text->data(), end, *value, 16);
	if (error != std::errc() || rest == end || *rest != ' ')
		return false;
	text->remove_prefix(static_cast<std::size_t>(rest - text->data()));
	text->remove_prefix(std::min(text->find_first_not_of(' '), text->size()));
	return true;
}

// The pid that a process has in the innermost of its pid namespaces; 0 if it is gone.
uint32_t pid_in_its_namespace(uint32_t pid)
{
	std::ifstream status(fmt::format("/proc/{}/status", pid));
	for (std::string line; std::getline(status, line);) {
		if (line.compare(0, 6, "NSpid:") != 0)
			continue;
		const std::size_t last = line.find_last_of(" \t") + 1;
		uint32_t number = 0;
		std::from_chars(line.data() + last, line.data() + line.size(), number);
		return number;
	}
	return 0;
}

// A symbolic link in /tmp may lead to a file that belongs to root and is not for everybody's eyes.
Result<FileDescriptor> open_map(const std::string &path)
{
	struct stat status = {};
	if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
		return Error{ErrorCode::io, fmt::format("{} is a symbolic link and was not followed", path), 0, ""};
	return open_regular_file(path);
}

Result<PerfMap> read_opened(Result<FileDescriptor> file, const std::string &path)
{
	if (!file.ok())
		return file.error();
	if (const Status owner = check_owner(*file, path); !owner.ok())
		return owner.error();
	Result<std::string> text = read_all(*file, path, kMaximumPerfMap);
	if (!text.ok())
		return text.error();
	return parse_perf_map(std::move(*text));
}

} // namespace

bool is_perf_map(std::string_view path, uint32_t *pid)
{
	if (path.size() <= kStart.size() + kEnd.size() || path.substr(0, kStart.size()) != kStart ||
	    path.substr(path.size() - kEnd.size()) != kEnd)
		return false;
	const std::string_view number = path.substr(kStart.size(), path.size() - kStart.size() - kEnd.size());
	const auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), *pid);
	return error == std::errc() && rest == number.data() + number.size();
}

PerfMap parse_perf_map(std::string text)
{
	PerfMap map;
	std::string_view left = map.code.keep(std::move(text));
	while (!left.empty() && map.complete) {
		const std::size_t end = std::min(left.find('\n'), left.size());
		std::string_view line = left.substr(0, end);
		left.remove_prefix(std::min(end + 1, left.size()));
		if (!line.empty() && line.back() == '\r')
			line.remove_suffix(1);
		uint64_t start = 0, size = 0;
		if (take_number(&line, &start) && take_number(&line, &size) && !line.empty() &&
		    line.size() <= GeneratedCode::kMaximumNameLength)
			map.complete = map.code.add(start, size, line);
	}
	return map;
}

Result<PerfMap> read_perf_map(const std::string &path, uint32_t pid, const std::string &root)
{
	Result<FileDescriptor> file = open_map(root + path);
	if (file.ok() || file.error().system_errno != ENOENT)
		return read_opened(std::move(file), root + path);
	uint32_t number = 0;
	is_perf_map(path, &number);
	if (pid == 0)
		pid = number;
	if (root.empty() && pid != 0) {
		const std::string process = fmt::format("/proc/{}/root", pid);
		const uint32_t inner = pid_in_its_namespace(pid);
		for (const std::string &place : {path, fmt::format("{}{}{}", kStart, inner, kEnd)}) {
			Result<FileDescriptor> theirs = open_regular_file_below(process, place);
			if (theirs.ok())
				return read_opened(std::move(theirs), process + place);
		}
	}
	return Error{ErrorCode::not_found,
		     fmt::format("the program wrote no {}, so the code that it generated has no names", path), 0,
		     "see its runtime's option for perf: python -X perf, node --perf-basic-prof"};
}

} // namespace neuroperf::analyzer
