// SPDX-License-Identifier: Apache-2.0
#include "analyzer/debuginfod.hpp"

#include <dlfcn.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "analyzer/build_id.hpp"

namespace neuroperf::analyzer {

// The functions of libdebuginfod that we call, and its client.
struct Debuginfod::Library {
	using Begin = void *(*)();
	using End = void (*)(void *);
	using Find = int (*)(void *, const unsigned char *, int, char **);
	void *handle = nullptr;
	void *client = nullptr;
	End end = nullptr;
	Find find_debug_information = nullptr, find_executable = nullptr;
};

namespace {

template <typename Function> bool take(void *library, const char *name, Function *function)
{
	*function = reinterpret_cast<Function>(::dlsym(library, name));
	return *function != nullptr;
}

} // namespace

Debuginfod::~Debuginfod()
{
	if (library_ == nullptr)
		return;
	if (library_->client != nullptr)
		library_->end(library_->client);
	delete library_; // its code stays loaded: libcurl does not like to be unloaded
}

Status Debuginfod::load()
{
	const char *urls = std::getenv("DEBUGINFOD_URLS");
	if (urls == nullptr || *urls == '\0')
		return Error{ErrorCode::unsupported, "DEBUGINFOD_URLS names no debuginfod server", 0, ""};
	library_ = new Library;
	library_->handle = ::dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
	Library::Begin begin = nullptr;
	if (library_->handle == nullptr || !take(library_->handle, "debuginfod_begin", &begin) ||
	    !take(library_->handle, "debuginfod_end", &library_->end) ||
	    !take(library_->handle, "debuginfod_find_debuginfo", &library_->find_debug_information) ||
	    !take(library_->handle, "debuginfod_find_executable", &library_->find_executable))
		return Error{ErrorCode::unsupported, "debuginfod servers need libdebuginfod.so.1, which is missing", 0,
			     "install libdebuginfod1"};
	library_->client = begin();
	if (library_->client == nullptr)
		return Error{ErrorCode::io, "libdebuginfod does not start", 0, ""};
	return Done{};
}

Result<FileDescriptor> Debuginfod::find(std::string_view build_id, Kind kind)
{
	build_id = without_filling(build_id);
	if (build_id.size() < 2 || build_id.size() > kMaximumBuildId)
		return Error{ErrorCode::not_found, "not a build id", 0, ""};
	if (!is_loaded_) {
		is_loaded_ = true;
		state_ = load();
	}
	if (!state_.ok())
		return state_.error();
	const auto find = kind == Kind::executable ? library_->find_executable : library_->find_debug_information;
	const int fd = find(library_->client, reinterpret_cast<const unsigned char *>(build_id.data()),
			    static_cast<int>(build_id.size()), nullptr);
	if (fd >= 0)
		return FileDescriptor(fd);
	if (fd == -ENOENT)
		return Error{ErrorCode::not_found, "the debuginfod servers do not have it", ENOENT, ""};
	state_ = Error{ErrorCode::io, fmt::format("the debuginfod servers cannot be asked: {}", std::strerror(-fd)),
		       -fd, ""};
	return state_.error();
}

} // namespace neuroperf::analyzer
