// SPDX-License-Identifier: Apache-2.0
// Opening files whose paths come from a recording, which may name anything: a FIFO that would block for ever, a device
// that does something when opened, a symbolic link planted in a container. Only regular files are opened.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "recording/result.hpp"

namespace neuroperf::analyzer {

// An open file, closed with its owner.
class FileDescriptor {
public:
	FileDescriptor() = default;
	explicit FileDescriptor(int fd) : fd_(fd) {}
	FileDescriptor(FileDescriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	FileDescriptor &operator=(FileDescriptor &&other) noexcept;
	~FileDescriptor() { close(); }
	int get() const { return fd_; }

private:
	void close();
	int fd_ = -1;
};

// Error: io.
Result<FileDescriptor> open_regular_file(const std::string &path);

// The same for a path as a process with the root folder `root` (/proc/PID/root) sees it: neither "..", nor a symbolic
// link on the way leads out of that folder. Error: io.
Result<FileDescriptor> open_regular_file_below(const std::string &root, const std::string &path);

// Files that any user can put into a shared folder (/tmp/perf-PID.map) are believed when they belong to root or to the
// current user, as perf does. Error: privilege.
Status check_owner(const FileDescriptor &file, const std::string &path);

// The whole content. Errors: io; format if it is longer than `limit`.
Result<std::string> read_all(const FileDescriptor &file, const std::string &path, std::size_t limit);

// Which file it is, whatever path led to it; {0, 0} if that cannot be told.
std::pair<dev_t, ino_t> identity_of(const FileDescriptor &file);

} // namespace neuroperf::analyzer
