// SPDX-License-Identifier: Apache-2.0
// Build ids for the mappings that the kernel tells of, so that a file that is replaced later is not taken for the one
// that ran.
//
// The kernel could add them itself (perf_event_attr.build_id), but then it also marks the records of everybody else who
// listens as if they held one (seen up to Linux 6.18: MISC_MMAP_BUILD_ID stays set in the record that it tells them
// all), and perf 6.1 aborts on those. So we read them, and do not believe the mark.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

namespace neuroperf::collector {

class MappedBuildIds {
public:
	// Goes through whole records as the kernel wrote them: a MMAP2 record of executable memory gets the build id of
	// its file in place of device and inode, where it can be read. Such a record looks as if the kernel had done
	// it. Reading the files of a large program takes a while: `meanwhile` is called before each.
	void add_to(char *records, std::size_t size, const std::function<void()> &meanwhile = {});

	uint64_t files() const { return ids_.size(); }

private:
	const std::string &id_of(uint32_t pid, const char *record, std::size_t size,
				 const std::function<void()> &meanwhile);

	std::unordered_map<std::string, std::string> ids_; // by device, inode, its generation and the path
};

} // namespace neuroperf::collector
