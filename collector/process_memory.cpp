// SPDX-License-Identifier: Apache-2.0
#include "collector/process_memory.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace neuroperf::collector {
namespace {

constexpr uint64_t kPage = 4096; // the smallest there is: a part within one is read as a whole or not at all

iovec there(uint64_t address, std::size_t size)
{
	// NOLINTNEXTLINE(performance-no-int-to-ptr): an address in the other process
	return {reinterpret_cast<void *>(static_cast<uintptr_t>(address)), size};
}

} // namespace

bool read_process_memory(pid_t pid, uint64_t address, void *to, std::size_t size)
{
	const iovec here{to, size}, remote = there(address, size);
	return ::process_vm_readv(pid, &here, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

void read_process_text(pid_t pid, uint64_t address, char *to, std::size_t room)
{
	std::memset(to, 0, room);
	for (std::size_t done = 0; done + 1 < room;) {
		const std::size_t part = std::min<uint64_t>(room - 1 - done, kPage - (address + done) % kPage);
		if (!read_process_memory(pid, address + done, to + done, part) || std::memchr(to + done, 0, part))
			break;
		done += part;
	}
}

} // namespace neuroperf::collector
