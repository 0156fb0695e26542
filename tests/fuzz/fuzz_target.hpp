// SPDX-License-Identifier: Apache-2.0
// What every fuzz target defines: libFuzzer's entry, which replay.cpp calls too.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace neuroperf::fuzz {

inline std::string_view text_of(const uint8_t *data, size_t size)
{
	return {reinterpret_cast<const char *>(data), size};
}

// A file without a name that holds the input. One for the whole run: made anew for each input it costs more than
// parsing.
class MemoryFile {
public:
	// The path of the file, with new contents.
	const std::string &with(std::string_view bytes)
	{
		if (::ftruncate(fd_, 0) != 0 ||
		    ::pwrite(fd_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
			__builtin_trap();
		return path_;
	}

private:
	int fd_ = ::memfd_create("fuzz", MFD_CLOEXEC);
	std::string path_ = "/proc/self/fd/" + std::to_string(fd_);
};

} // namespace neuroperf::fuzz
