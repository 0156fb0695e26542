// SPDX-License-Identifier: Apache-2.0
// The kernel tells at once when a recorded process maps code of a file, so that probes can be there before it runs.
//
// A perf event of its own on each CPU, with a small ring that wakes us at every record; the side band of the recording
// is read some milliseconds later only.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "collector/mapped_perf_ring.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

struct MapNotice {
	int pid = 0, tid = 0;
	std::string path;
	uint64_t time_ns = 0; // CLOCK_MONOTONIC; 0: not told
};

// Those of MMAP2 records of executable memory among whole records as the kernel wrote them. `end_with_time`: each has
// the time behind it, and nothing else.
std::vector<MapNotice> map_notices(const std::string &records, bool end_with_time = false);

class MapNotices {
public:
	// Of a program that was launched, stopped before exec, and its children; of every process if `program` is -1.
	static Result<MapNotices> open(pid_t program, const std::vector<unsigned> &cpus);

	// What has come since the last call. Never waits.
	std::vector<MapNotice> take();
	std::vector<int> descriptors() const;
	uint64_t lost() const { return lost_; }

private:
	struct Ring {
		UniqueFd event;
		MappedPerfRing records;
	};
	MapNotices() = default;

	std::vector<Ring> rings_;
	std::string records_;
	uint64_t lost_ = 0;
};

} // namespace neuroperf::collector
