// SPDX-License-Identifier: Apache-2.0
#include "collector/inherited_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace neuroperf::collector {
namespace {

// Descriptors below are often closed or reused by programs without asking.
constexpr int kLowestDescriptor = 300;

Error failure(std::string_view doing)
{
	const int code = errno;
	return {ErrorCode::io,
		fmt::format("cannot {} memory to share with the program: {}", doing, std::strerror(code)), code,
		code == EFBIG ? "lift the limit on file sizes: ulimit -f unlimited" : ""};
}

// A limit on the size of files (ulimit -f) is meant for files on disk, but holds for this memory too.
bool resize(int fd, uint64_t size)
{
	rlimit before{};
	::getrlimit(RLIMIT_FSIZE, &before);
	const rlimit none{RLIM_INFINITY, RLIM_INFINITY}, raised{before.rlim_max, before.rlim_max};
	if (::setrlimit(RLIMIT_FSIZE, &none) != 0)
		::setrlimit(RLIMIT_FSIZE, &raised);
	const bool done = ::ftruncate(fd, static_cast<off_t>(size)) == 0;
	const int code = errno;
	::setrlimit(RLIMIT_FSIZE, &before);
	errno = code;
	return done;
}

} // namespace

UniqueFd make_inherited(int descriptor)
{
	int high = ::fcntl(descriptor, F_DUPFD, kLowestDescriptor);
	if (high < 0)
		high = ::fcntl(descriptor, F_DUPFD, 3);
	return UniqueFd(high);
}

Result<UniqueFd> make_inherited_memory(const char *name, uint64_t size)
{
	const UniqueFd memory(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (!memory.valid())
		return failure("create");
	if (!resize(memory.get(), size))
		return failure("size");
	if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return failure("seal");
	UniqueFd high = make_inherited(memory.get());
	if (!high.valid())
		return failure("hand over");
	return high;
}

} // namespace neuroperf::collector
