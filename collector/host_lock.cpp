// SPDX-License-Identifier: Apache-2.0
#include "collector/host_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostText = 128;
constexpr int kMostReplaced = 100; // files taken away in front of us: more is no race

Error refused(const std::string &path, std::string_view why)
{
	return {ErrorCode::io, fmt::format("{} cannot be used: {}", path, why), 0, ""};
}

Result<UniqueFd> own_folder(const std::string &path)
{
	if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
		return refused(path, std::strerror(errno));
	UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	struct stat status = {};
	if (!folder.valid() || ::fstat(folder.get(), &status) != 0)
		return refused(path, errno == ENOTDIR || errno == ELOOP ? "it is no folder" : std::strerror(errno));
	if (status.st_uid != ::geteuid())
		return refused(path, "it is another user's");
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return refused(path, "others may look into it");
	return folder;
}

} // namespace

std::vector<std::string> host_lock_folders()
{
	// Not XDG_RUNTIME_DIR: ranks need not have the same environment, and with file capabilities it is not believed.
	const uid_t user = ::geteuid();
	const std::string runtime = user == 0 ? "/run/neuroperf" : fmt::format("/run/user/{}/neuroperf", user);
	return {runtime, fmt::format("/tmp/neuroperf-{}", user)};
}

Result<HostLock> HostLock::open(const std::vector<std::string> &folders, const std::string &name)
{
	Error problem{ErrorCode::io, "no folder for locks", 0, ""};
	for (const std::string &path : folders) {
		auto folder = own_folder(path);
		if (!folder.ok()) {
			problem = folder.error();
			continue;
		}
		HostLock lock;
		lock.folder_ = std::move(*folder);
		lock.name_ = name;
		struct stat status = {};
		if (Status opened = lock.open_file(); !opened.ok() || ::fstat(lock.folder_.get(), &status) != 0) {
			problem = refused(path, opened.ok() ? std::strerror(errno) : opened.error().what);
			continue;
		}
		lock.identity_ = fmt::format("{}:{}/{}", status.st_dev, status.st_ino, name);
		return lock;
	}
	return problem;
}

Status HostLock::open_file()
{
	UniqueFd file(
		::openat(folder_.get(), name_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
	struct stat status = {};
	if (!file.valid() || ::fstat(file.get(), &status) != 0)
		return Error{ErrorCode::io, fmt::format("cannot open {}: {}", name_, std::strerror(errno)), errno, ""};
	if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid())
		return Error{ErrorCode::io, fmt::format("{} is no file of this user's", name_), 0, ""};
	file_ = std::move(file);
	return Done{};
}

// Whether it is what others find who open the lock now.
bool HostLock::is_current() const
{
	struct stat ours = {}, there = {};
	return ::fstat(file_.get(), &ours) == 0 &&
	       ::fstatat(folder_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

bool HostLock::try_take(const std::string &text)
{
	for (int i = 0; i < kMostReplaced && !held_; i++) {
		if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0)
			return false;
		// Where somebody has cleaned up the folder, those who wait have this file still.
		held_ = is_current() || !open_file().ok();
	}
	if (!held_)
		return false;
	const std::string_view written = std::string_view(text).substr(0, kMostText);
	const bool is_told =
		::ftruncate(file_.get(), 0) == 0 && ::pwrite(file_.get(), written.data(), written.size(), 0) >= 0;
	static_cast<void>(is_told); // a full disk: it is ours all the same
	return true;
}

std::string HostLock::holders_text() const
{
	std::array<char, kMostText> text{};
	const ssize_t size = ::pread(file_.get(), text.data(), text.size(), 0);
	return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "";
}

void HostLock::give_back()
{
	if (!held_)
		return;
	held_ = false;
	::unlinkat(folder_.get(), name_.c_str(), 0);
	file_.reset(); // and with it the lock
}

} // namespace neuroperf::collector
