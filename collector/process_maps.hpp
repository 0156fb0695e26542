// SPDX-License-Identifier: Apache-2.0
// /proc/PID/maps, line by line, and the build ids of the files that it names.
//
// Both are another user's to shape: names hold anything but NUL, a process has as many mappings as it likes, and files
// may be gone, replaced, or be no regular files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "recording/result.hpp"

namespace neuroperf::collector {

struct ProcessMapping {
	uint64_t start = 0, end = 0, file_offset = 0;
	uint32_t protection = 0; // PROT_*
	bool shared = false;
	uint32_t device_major = 0, device_minor = 0;
	uint64_t inode = 0;    // 0: of no file
	std::string_view path; // with the kernel's escapes; "" for anonymous memory
};

// False: not a line of maps.
bool parse_map_line(std::string_view line, ProcessMapping *mapping);

// Calls `take` for each mapping of the file `path` in the folder `process`; views live as long as the call. Returns
// the bytes read (0: a process without memory of its own), or what open or read say. Lines that are none are skipped.
Result<uint64_t> for_each_mapping(int process, const char *path,
				  const std::function<void(const ProcessMapping &)> &take);

// In maps a newline in a name stands as \012, and nothing else is escaped.
std::string unescaped_path(std::string_view path);

// Reads build ids once per file, however many processes map it.
class BuildIdCache {
public:
	// The build id of a mapping's file; empty if it has none or cannot be read. `process` is the folder /proc/PID.
	// The file is reached through the mapping (right even if it was deleted or is another mount namespace's) where
	// we may, and else through the process's root, if the inode there is still the same.
	const std::string &of(int process, const ProcessMapping &mapping);

	uint64_t files() const { return ids_.size(); }
	uint64_t unreadable() const { return unreadable_; }

private:
	std::string read(int process, const ProcessMapping &mapping);

	std::unordered_map<std::string, std::string> ids_; // by device, inode and path: subvolumes share the first two
	bool through_mappings_ = true;
	uint64_t unreadable_ = 0;
};

} // namespace neuroperf::collector
