// SPDX-License-Identifier: Apache-2.0
#include "collector/kernel_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMaxNames = 100000;
constexpr std::size_t kMaxCpus = 65536;

Error read_error(const std::string &path, int code)
{
	const ErrorCode kind = code == ENOENT || code == ENOTDIR ? ErrorCode::not_found
			       : code == EACCES || code == EPERM ? ErrorCode::privilege
								 : ErrorCode::io;
	return {kind, fmt::format("cannot read {}: {}", path, std::strerror(code)), code, ""};
}

} // namespace

Result<std::string> read_kernel_file(const std::string &path, std::size_t max_bytes)
{
	const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	if (!fd.valid())
		return read_error(path, errno);
	std::string text(max_bytes + 1, '\0');
	std::size_t length = 0;
	while (length < text.size()) {
		const ssize_t got = ::read(fd.get(), text.data() + length, text.size() - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return read_error(path, errno);
		if (got == 0)
			break;
		length += static_cast<std::size_t>(got);
	}
	if (length > max_bytes)
		return Error{ErrorCode::format, fmt::format("{} is longer than {} bytes", path, max_bytes), 0, ""};
	text.resize(length);
	return text;
}

std::vector<std::string> folder_names(const std::string &path)
{
	std::vector<std::string> names;
	const std::unique_ptr<DIR, int (*)(DIR *)> folder(::opendir(path.c_str()), ::closedir);
	if (!folder)
		return names;
	while (const dirent *entry = ::readdir(folder.get())) {
		if (entry->d_name[0] != '.' && names.size() < kMaxNames)
			names.push_back(entry->d_name);
	}
	std::sort(names.begin(), names.end());
	return names;
}

std::vector<unsigned> parse_cpus(std::string_view text)
{
	std::vector<unsigned> cpus;
	while (!text.empty()) {
		const std::string_view part = text.substr(0, text.find(','));
		text.remove_prefix(std::min(part.size() + 1, text.size()));
		const char *end = part.data() + part.size();
		unsigned first = 0, last = 0;
		const auto [stop, error] = std::from_chars(part.data(), end, first);
		if (error != std::errc{})
			continue;
		last = first;
		if (stop != end && *stop == '-')
			std::from_chars(stop + 1, end, last);
		for (std::size_t cpu = first; cpu <= last && cpus.size() < kMaxCpus; cpu++)
			cpus.push_back(static_cast<unsigned>(cpu));
	}
	return cpus;
}

std::string_view without_blanks(std::string_view text)
{
	const std::size_t first = text.find_first_not_of(" \t\n");
	if (first == text.npos)
		return {};
	return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

} // namespace neuroperf::collector
