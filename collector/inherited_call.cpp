// SPDX-License-Identifier: Apache-2.0
#include "collector/inherited_call.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "collector/process_maps.hpp"
#include "collector/process_memory.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

constexpr unsigned char kNop = 0x90, kCall = 0xe8, kBreakpoint = 0xcc;
constexpr std::size_t kWide = 5;
constexpr unsigned char kWideNop[kWide] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
constexpr unsigned char kWideBreakpoint[kWide] = {kBreakpoint, 0x1f, 0x44, 0x00, 0x00};

bool write_at(const UniqueFd &memory, uint64_t address, const void *from, std::size_t size)
{
	return ::pwrite(memory.get(), from, size, static_cast<off_t>(address)) == static_cast<ssize_t>(size);
}

// The site is still this file's, and what it calls is not the kernel's page.
bool is_inherited(int folder, FileKey file, uint64_t site_address, uint64_t target)
{
	bool same_file = false, has_page = false;
	const auto read = for_each_mapping(folder, "maps", [&](const ProcessMapping &mapping) {
		const FileKey key{uint64_t{mapping.device_major} << 32 | mapping.device_minor, mapping.inode};
		if (site_address >= mapping.start && site_address < mapping.end)
			same_file = key == file && mapping.protection & PROT_EXEC && !mapping.shared;
		if (target >= mapping.start && target < mapping.end)
			has_page = mapping.path == "[uprobes-trampoline]";
	});
	return read.ok() && same_file && !has_page;
}

} // namespace

MendResult mend_inherited_call(int pid, FileKey file, uint64_t site_address, uint64_t semaphore_address, Mended how)
{
	const UniqueFd folder(::open(fmt::format("/proc/{}", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	// First, so that it is the old memory if the process starts another program meanwhile.
	const UniqueFd memory(::openat(folder.get(), "mem", O_RDWR | O_CLOEXEC));
	unsigned char site[1 + kWide];
	if (!read_process_memory(pid, site_address, site, sizeof site) || site[0] != kNop)
		return MendResult::nothing;
	// A uprobe has come since, and counted itself once more.
	const bool has_breakpoint = site[1] == kBreakpoint && std::memcmp(site + 2, kWideNop + 1, kWide - 1) != 0;
	if (site[1] != kCall && !has_breakpoint)
		return MendResult::nothing;
	int32_t distance = 0;
	std::memcpy(&distance, site + 2, sizeof distance);
	const uint64_t target = site_address + sizeof site + static_cast<uint64_t>(int64_t{distance});
	const bool nops = how == Mended::unattached && !has_breakpoint;
	if (!is_inherited(folder.get(), file, site_address, target))
		return MendResult::nothing;
	if (!memory.valid() || !write_at(memory, site_address + 1, nops ? kWideNop : kWideBreakpoint, kWide))
		return MendResult::refused;
	uint16_t semaphore = 0;
	if ((nops || has_breakpoint) && semaphore_address != 0 &&
	    read_process_memory(pid, semaphore_address, &semaphore, sizeof semaphore) && semaphore != 0) {
		semaphore--;
		write_at(memory, semaphore_address, &semaphore, sizeof semaphore); // else events cost a little more
	}
	return MendResult::mended;
}

bool may_mend_everybody()
{
	__user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
	__user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	return ::syscall(SYS_capget, &header, data) == 0 && data[0].effective & 1u << CAP_DAC_OVERRIDE;
}

} // namespace neuroperf::collector
