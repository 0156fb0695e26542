// SPDX-License-Identifier: Apache-2.0
#include "analyzer/regular_file.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace neuroperf::analyzer {

namespace {

Error cannot_read(const std::string &path, int error)
{
	return {ErrorCode::io, fmt::format("cannot read {}: {}", path, std::strerror(error)), error, ""};
}

Error not_regular(const std::string &path)
{
	return {ErrorCode::io, fmt::format("cannot read {}: not a regular file", path), 0, ""};
}

// O_PATH gives a hold on the file without opening it: what it is is known before anything happens to it.
Result<FileDescriptor> open_held(const FileDescriptor &held, const std::string &path)
{
	struct stat status = {};
	if (::fstat(held.get(), &status) != 0)
		return cannot_read(path, errno);
	if (!S_ISREG(status.st_mode))
		return not_regular(path);
	FileDescriptor fd(::open(fmt::format("/proc/self/fd/{}", held.get()).c_str(), O_RDONLY | O_CLOEXEC));
	if (fd.get() < 0)
		return cannot_read(path, errno);
	return fd;
}

} // namespace

FileDescriptor &FileDescriptor::operator=(FileDescriptor &&other) noexcept
{
	if (this != &other) {
		close();
		fd_ = std::exchange(other.fd_, -1);
	}
	return *this;
}

void FileDescriptor::close()
{
	if (fd_ >= 0)
		::close(std::exchange(fd_, -1));
}

Result<FileDescriptor> open_regular_file(const std::string &path)
{
	// Looked at before it is opened, since opening some devices does something; and after, since it may have
	// changed.
	struct stat status = {};
	if (::stat(path.c_str(), &status) != 0)
		return cannot_read(path, errno);
	if (!S_ISREG(status.st_mode))
		return not_regular(path);
	FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
	if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0)
		return cannot_read(path, errno);
	if (!S_ISREG(status.st_mode))
		return not_regular(path);
	return fd;
}

Result<FileDescriptor> open_regular_file_below(const std::string &root, const std::string &path)
{
	const FileDescriptor folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (folder.get() < 0)
		return cannot_read(root, errno);
	struct open_how how = {};
	how.flags = O_PATH | O_CLOEXEC;
	how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	const FileDescriptor held(
		static_cast<int>(::syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how)));
	if (held.get() < 0) // ENOSYS before Linux 5.6: rather no names than those of a file outside
		return cannot_read(root + path, errno);
	return open_held(held, root + path);
}

Status check_owner(const FileDescriptor &file, const std::string &path)
{
	struct stat status = {};
	if (::fstat(file.get(), &status) != 0)
		return cannot_read(path, errno);
	if (status.st_uid == 0 || status.st_uid == ::geteuid())
		return Done{};
	return Error{ErrorCode::privilege,
		     fmt::format("{} belongs to user {}, neither to root nor to you, and is not believed", path,
				 status.st_uid),
		     0, "run the report as that user, or change the owner of the file"};
}

Result<std::string> read_all(const FileDescriptor &file, const std::string &path, std::size_t limit)
{
	std::string text;
	std::size_t used = 0;
	struct stat status = {};
	if (::fstat(file.get(), &status) == 0 && status.st_size > 0) // 0 in /proc
		text.resize(std::min(static_cast<std::size_t>(status.st_size), limit) + 1);
	for (;;) {
		if (used == text.size())
			text.resize(used + std::max(used, std::size_t{1} << 16));
		const ssize_t got =
			::pread(file.get(), text.data() + used, text.size() - used, static_cast<off_t>(used));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return cannot_read(path, errno);
		if (got == 0)
			break;
		used += static_cast<std::size_t>(got);
		if (used > limit)
			return Error{ErrorCode::format,
				     fmt::format("{} is larger than {} MiB and was not read", path, limit >> 20), 0,
				     ""};
	}
	text.resize(used);
	return text;
}

std::pair<dev_t, ino_t> identity_of(const FileDescriptor &file)
{
	struct stat status = {};
	if (::fstat(file.get(), &status) != 0)
		return {0, 0};
	return {status.st_dev, status.st_ino};
}

} // namespace neuroperf::analyzer
