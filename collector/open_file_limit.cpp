// SPDX-License-Identifier: Apache-2.0
#include "collector/open_file_limit.hpp"

#include <dirent.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace neuroperf::collector {
namespace {

// How many are open. New ones get the lowest free numbers, so as many more fit under a limit as it is higher.
uint64_t open_now()
{
	uint64_t count = 0;
	DIR *const listed = ::opendir("/proc/self/fd");
	if (!listed)
		return 64; // a guess; more than a recorder opens before its events
	while (::readdir(listed))
		count++;
	::closedir(listed);
	return count; // two entries are no descriptors, one is the listing's
}

uint64_t highest_allowed()
{
	uint64_t highest = 1 << 20; // the kernel's default
	std::ifstream("/proc/sys/fs/nr_open") >> highest;
	return highest;
}

} // namespace

OpenFileLimit::OpenFileLimit() : known_(::getrlimit(RLIMIT_NOFILE, &original_) == 0) {}

uint64_t OpenFileLimit::current() const
{
	rlimit limit = {};
	return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

Status OpenFileLimit::make_room_for(uint64_t descriptors)
{
	rlimit limit = {};
	if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return Error{ErrorCode::io,
			     fmt::format("cannot read the limit on open files: {}", std::strerror(errno)), errno, ""};
	const uint64_t already = open_now();
	const uint64_t wanted = descriptors > UINT64_MAX - already ? UINT64_MAX : already + descriptors;
	if (wanted <= limit.rlim_cur)
		return Done{};
	const uint64_t hard = limit.rlim_max;
	if (wanted > hard) {
		const uint64_t highest = std::min(wanted, highest_allowed());
		const rlimit raised = {highest, std::max(highest, hard)};
		if (::setrlimit(RLIMIT_NOFILE, &raised) == 0 && highest == wanted)
			return Done{};
	}
	::getrlimit(RLIMIT_NOFILE, &limit);
	const rlimit raised = {std::min<uint64_t>(wanted, limit.rlim_max), limit.rlim_max};
	if (raised.rlim_cur > limit.rlim_cur && ::setrlimit(RLIMIT_NOFILE, &raised) != 0)
		return Error{ErrorCode::io,
			     fmt::format("cannot raise the limit on open files: {}", std::strerror(errno)), errno, ""};
	if (raised.rlim_cur >= wanted)
		return Done{};
	return Error{
		ErrorCode::privilege,
		fmt::format("the recording needs {} open files, and the limit is {}", wanted, raised.rlim_cur), EMFILE,
		fmt::format("raise it (ulimit -n {}, nofile in /etc/security/limits.conf, LimitNOFILE of a unit), or "
			    "record fewer threads, events or CPUs",
			    wanted)};
}

bool OpenFileLimit::restore() const
{
	return !known_ || ::setrlimit(RLIMIT_NOFILE, &original_) == 0;
}

} // namespace neuroperf::collector
