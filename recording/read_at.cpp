// SPDX-License-Identifier: Apache-2.0
#include "recording/read_at.hpp"

#include <unistd.h>

#include <cerrno>

namespace neuroperf::recording {

std::string read_at(int fd, uint64_t offset, std::size_t size)
{
	std::string bytes(size, '\0');
	std::size_t have = 0;
	while (have < size && offset + have <= INT64_MAX) {
		const ssize_t got = ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		have += static_cast<std::size_t>(got);
	}
	bytes.resize(have);
	return bytes;
}

} // namespace neuroperf::recording
