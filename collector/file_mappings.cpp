// SPDX-License-Identifier: Apache-2.0
#include "collector/file_mappings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "collector/process_maps.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMaxMappings = 1'000'000;

Error process_error(int pid, std::string_view doing)
{
	const int code = errno;
	if (code == ENOENT || code == ESRCH)
		return {ErrorCode::not_found, fmt::format("cannot {} process {}: there is none", doing, pid), code, ""};
	return {code == EACCES || code == EPERM ? ErrorCode::privilege : ErrorCode::io,
		fmt::format("cannot {} process {}: {}", doing, pid, std::strerror(code)), code,
		"attach as root, or as the user whose process it is"};
}

} // namespace

Result<std::vector<FileMapping>> read_file_mappings(int pid)
{
	const UniqueFd process(::open(fmt::format("/proc/{}", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!process.valid())
		return process_error(pid, "look at the memory of");
	std::vector<FileMapping> mappings;
	const auto read = for_each_mapping(process.get(), "maps", [&](const ProcessMapping &found) {
		if (found.inode == 0 || mappings.size() == kMaxMappings)
			return;
		FileMapping mapping;
		mapping.start = found.start;
		mapping.end = found.end;
		mapping.offset = found.file_offset;
		mapping.executable = found.protection & PROT_EXEC;
		mapping.writable = found.protection & PROT_WRITE;
		mapping.shared = found.shared;
		mapping.file = {uint64_t{found.device_major} << 32 | found.device_minor, found.inode};
		mapping.path = unescaped_path(found.path);
		mappings.push_back(std::move(mapping));
	});
	if (!read.ok()) {
		errno = read.error().system_errno;
		return process_error(pid, "look at the memory of");
	}
	return mappings;
}

Result<UniqueFd> open_mapped_file(int pid, const FileMapping &mapping)
{
	constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	UniqueFd file(
		::open(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end).c_str(), kFlags));
	if (file.valid())
		return file;
	// Without the privilege for map_files: by path, if that is still the same file.
	file = UniqueFd(::open(fmt::format("/proc/{}/root{}", pid, mapping.path).c_str(), kFlags));
	struct stat info;
	if (!file.valid() || ::fstat(file.get(), &info) != 0)
		return process_error(pid, fmt::format("open {} of", mapping.path));
	if (!S_ISREG(info.st_mode) || info.st_ino != mapping.file.inode)
		return Error{ErrorCode::not_found,
			     fmt::format("cannot open {} of process {}: another file has its place", mapping.path, pid),
			     0, "attach as root"};
	return file;
}

} // namespace neuroperf::collector
