// SPDX-License-Identifier: Apache-2.0
#include "collector/inherited_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "collector/clock.hpp"

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

Result<UniqueFd> make_inherited(int descriptor)
{
	int high = ::fcntl(descriptor, F_DUPFD, kLowestDescriptor);
	if (high < 0)
		high = ::fcntl(descriptor, F_DUPFD, 3);
	if (high < 0)
		return failure("hand over");
	return UniqueFd(high);
}

Result<InheritedMemory> InheritedMemory::create(const char *name, uint64_t size)
{
	const UniqueFd file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (!file.valid())
		return failure("create");
	if (!resize(file.get(), size))
		return failure("size");
	if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return failure("seal");
	auto inherited = make_inherited(file.get());
	if (!inherited.ok())
		return inherited.error();
	InheritedMemory memory;
	void *const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, inherited->get(), 0);
	if (at == MAP_FAILED)
		return failure("map");
	::madvise(at, size, MADV_DONTDUMP);
	memory.descriptor_ = std::move(*inherited);
	memory.data_ = at;
	memory.size_ = size;
	if (::getrandom(&memory.cookie_, sizeof memory.cookie_, 0) != sizeof memory.cookie_)
		memory.cookie_ = monotonic_now_ns();
	return memory;
}

InheritedMemory::InheritedMemory(InheritedMemory &&other) noexcept
	: descriptor_(std::move(other.descriptor_)), data_(std::exchange(other.data_, nullptr)), size_(other.size_),
	  cookie_(other.cookie_)
{
}

InheritedMemory &InheritedMemory::operator=(InheritedMemory &&other) noexcept
{
	std::swap(descriptor_, other.descriptor_);
	std::swap(data_, other.data_);
	std::swap(size_, other.size_);
	std::swap(cookie_, other.cookie_);
	return *this;
}

InheritedMemory::~InheritedMemory()
{
	if (data_ != nullptr)
		::munmap(data_, size_);
}

} // namespace neuroperf::collector
