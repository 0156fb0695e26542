// SPDX-License-Identifier: Apache-2.0
#include "collector/mapped_build_ids.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "collector/process_maps.hpp"
#include "recording/bytes.hpp"
#include "recording/elf_build_id.hpp"
#include "recording/perf_layout.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

using recording::load;

constexpr std::size_t kMaxFiles = 100'000;

// Places in a MMAP2 record (perf_event.h). A build id takes the place of device, inode and generation: its size, three
// bytes of nothing, and 20 bytes.
constexpr std::size_t kPid = 8, kAddress = 16, kLength = 24, kMajor = 40, kMinor = 44, kInode = 48, kProtection = 64,
		      kPath = 72;
constexpr std::size_t kIdentityBytes = 24, kIdOffset = 4;

bool has_code_of_a_file(const char *record, std::size_t size)
{
	return size > kPath && load<uint64_t>(record + kInode) != 0 &&
	       load<uint32_t>(record + kProtection) & PROT_EXEC && record[kPath] == '/';
}

std::string_view path_in(const char *record, std::size_t size)
{
	return {record + kPath, ::strnlen(record + kPath, size - kPath)};
}

} // namespace

void MappedBuildIds::add_to(char *records, std::size_t size, const std::function<void()> &meanwhile)
{
	perf_event_header header;
	for (std::size_t at = 0; size - at >= sizeof header; at += header.size) {
		char *const record = records + at;
		std::memcpy(&header, record, sizeof header);
		if (header.size < sizeof header || header.size > size - at)
			return;
		if (header.type != PERF_RECORD_MMAP2)
			continue;
		// What stands there is a device and an inode: nobody asked for anything else.
		header.misc &= static_cast<uint16_t>(~PERF_RECORD_MISC_MMAP_BUILD_ID);
		if (has_code_of_a_file(record, header.size)) {
			const std::string &id = id_of(load<uint32_t>(record + kPid), record, header.size, meanwhile);
			if (!id.empty()) {
				header.misc |= PERF_RECORD_MISC_MMAP_BUILD_ID;
				std::memset(record + kMajor, 0, kIdentityBytes);
				record[kMajor] = static_cast<char>(id.size());
				std::memcpy(record + kMajor + kIdOffset, id.data(), id.size());
			}
		}
		std::memcpy(record, &header, sizeof header);
	}
}

// The files of a process that has ended are looked for where we have them: the inode tells whether it is them.
const std::string &MappedBuildIds::id_of(uint32_t pid, const char *record, std::size_t size,
					 const std::function<void()> &meanwhile)
{
	static const std::string none;
	const std::string_view path = path_in(record, size);
	std::string key(record + kMajor, kIdentityBytes);
	key += path;
	if (const auto known = ids_.find(key); known != ids_.end())
		return known->second;
	if (meanwhile)
		meanwhile();
	ProcessMapping mapping;
	mapping.start = load<uint64_t>(record + kAddress);
	mapping.end = mapping.start + load<uint64_t>(record + kLength);
	mapping.device_major = load<uint32_t>(record + kMajor);
	mapping.device_minor = load<uint32_t>(record + kMinor);
	mapping.inode = load<uint64_t>(record + kInode);
	mapping.path = path;
	for (const std::string &folder : {fmt::format("/proc/{}", pid), std::string("/proc/self")}) {
		const UniqueFd process(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		BuildIdCache reader;
		std::string id = process.valid() ? reader.of(process.get(), mapping) : "";
		if (!process.valid() || reader.unreadable() > 0)
			continue;
		id.resize(std::min(id.size(), recording::kMaxBuildId));
		return ids_.size() < kMaxFiles ? ids_.emplace(std::move(key), std::move(id)).first->second : none;
	}
	return none; // another process that maps it may do better
}

} // namespace neuroperf::collector
