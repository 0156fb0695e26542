// SPDX-License-Identifier: Apache-2.0
#include "collector/process_maps.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "recording/elf_build_id.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kBlockSize = 64 * 1024;
constexpr std::size_t kMaxCachedFiles = 1 << 20;
constexpr std::string_view kDeleted = " (deleted)";

// A number in this base and the character behind it.
template <typename T> bool take_number(std::string_view *text, T *number, int base, char behind)
{
	const char *const end = text->data() + text->size();
	const auto [stop, error] = std::from_chars(text->data(), end, *number, base);
	if (error != std::errc{} || stop == end || *stop != behind)
		return false;
	text->remove_prefix(static_cast<std::size_t>(stop - text->data()) + 1);
	return true;
}

// The file behind a path if it is a regular one; opening anything else could wait or do something.
UniqueFd open_regular(int folder, const std::string &path, uint64_t inode, int *error)
{
	struct stat info = {};
	*error = 0;
	if (::fstatat(folder, path.c_str(), &info, 0) != 0) {
		*error = errno;
		return UniqueFd();
	}
	if (!S_ISREG(info.st_mode))
		return UniqueFd();
	if (inode != 0 && info.st_ino != inode) {
		*error = ESTALE;
		return UniqueFd();
	}
	UniqueFd file(::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
	*error = file.valid() ? 0 : errno;
	return file;
}

// By inode; or by path, where a file system shows other inodes than it maps (overlayfs).
bool is_file_of(const ProcessMapping &mapping, int file, int process, const std::string &link)
{
	struct stat info;
	if (::fstat(file, &info) == 0 && info.st_ino == mapping.inode)
		return true;
	char path[4096];
	const ssize_t size = ::readlinkat(process, link.c_str(), path, sizeof path);
	return size > 0 && std::string_view(path, static_cast<std::size_t>(size)) == unescaped_path(mapping.path);
}

} // namespace

bool parse_map_line(std::string_view line, ProcessMapping *mapping)
{
	ProcessMapping &map = *mapping;
	if (!take_number(&line, &map.start, 16, '-') || !take_number(&line, &map.end, 16, ' ') || line.size() < 5 ||
	    line[4] != ' ' || map.end <= map.start)
		return false;
	map.protection = static_cast<uint32_t>((line[0] == 'r' ? PROT_READ : 0) | (line[1] == 'w' ? PROT_WRITE : 0) |
					       (line[2] == 'x' ? PROT_EXEC : 0));
	map.shared = line[3] == 's';
	line.remove_prefix(5);
	if (!take_number(&line, &map.file_offset, 16, ' ') || !take_number(&line, &map.device_major, 16, ':') ||
	    !take_number(&line, &map.device_minor, 16, ' '))
		return false;
	const char *const end = line.data() + line.size();
	const auto [stop, error] = std::from_chars(line.data(), end, map.inode);
	if (error != std::errc{} || (stop != end && *stop != ' '))
		return false;
	line.remove_prefix(static_cast<std::size_t>(stop - line.data()));
	map.path = line.substr(std::min(line.find_first_not_of(' '), line.size()));
	return true;
}

Result<uint64_t> for_each_mapping(int process, const char *path,
				  const std::function<void(const ProcessMapping &)> &take)
{
	const auto failed = [path](int code) {
		return Error{ErrorCode::io, fmt::format("cannot read {}: {}", path, std::strerror(code)), code, ""};
	};
	const UniqueFd file(::openat(process, path, O_RDONLY | O_CLOEXEC));
	if (!file.valid())
		return failed(errno);
	std::vector<char> block(kBlockSize); // longer than any line: paths end at a page
	std::size_t used = 0;
	uint64_t total = 0;
	for (;;) {
		const ssize_t got = ::read(file.get(), block.data() + used, block.size() - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return failed(errno);
		if (got == 0)
			return total;
		total += static_cast<uint64_t>(got);
		used += static_cast<std::size_t>(got);
		std::string_view text(block.data(), used);
		for (std::size_t newline; (newline = text.find('\n')) != text.npos; text.remove_prefix(newline + 1)) {
			ProcessMapping mapping;
			if (parse_map_line(text.substr(0, newline), &mapping))
				take(mapping);
		}
		used = text.size() == block.size() ? 0 : text.size();
		std::memmove(block.data(), text.data(), used);
	}
}

std::string unescaped_path(std::string_view path)
{
	std::string plain;
	for (std::size_t escape; (escape = path.find("\\012")) != path.npos; path.remove_prefix(escape + 4))
		plain.append(path.substr(0, escape)).push_back('\n');
	return plain.append(path);
}

const std::string &BuildIdCache::of(int process, const ProcessMapping &mapping)
{
	static const std::string none;
	if (mapping.inode == 0 || !mapping.path.starts_with('/'))
		return none;
	std::string key =
		fmt::format("{:x}:{:x} {} {}", mapping.device_major, mapping.device_minor, mapping.inode, mapping.path);
	const auto known = ids_.find(key);
	if (known != ids_.end())
		return known->second;
	if (ids_.size() >= kMaxCachedFiles)
		return none;
	return ids_.emplace(std::move(key), read(process, mapping)).first->second;
}

std::string BuildIdCache::read(int process, const ProcessMapping &mapping)
{
	int error = EPERM;
	UniqueFd file;
	if (through_mappings_) {
		const std::string place = fmt::format("map_files/{:x}-{:x}", mapping.start, mapping.end);
		file = open_regular(process, place, 0, &error);
		if (file.valid() && !is_file_of(mapping, file.get(), process, place)) {
			file.reset();
			error = ESTALE; // another mapping has come there since
		}
		through_mappings_ = error != EPERM; // a capability that does not come with time
	}
	if (error != 0 && !mapping.path.ends_with(kDeleted))
		file = open_regular(process, "root" + unescaped_path(mapping.path), mapping.inode, &error);
	unreadable_ += error != 0;
	return file.valid() ? recording::elf_build_id(file.get()) : "";
}

} // namespace neuroperf::collector
