// SPDX-License-Identifier: Apache-2.0
// What a recording must know of processes that ran before it began (-p, -t, -a), read from /proc and told in the
// kernel's own records: FORK (who belongs to whom), COMM (names) and MMAP2 (which file is where, with build ids).
//
// To be asked once the events are open, so that the kernel tells what happens from then on; all records carry the time
// at which the recording began, so that what the kernel tells comes later and wins.
//
// Processes come and go while they are read: what has gone is counted and left out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "collector/process_maps.hpp"
#include "recording/records.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

struct RunningTasksOptions {
	uint64_t sample_type = 0;         // of the event whose trailer the records have
	recording::RecordIdentity moment; // time, CPU and event id of all records; their pid and tid are the tasks'
	bool data = false;                // mappings that cannot be executed too, for events with data addresses
	std::string proc = "/proc";
};

struct RunningTasksCounts {
	uint64_t processes = 0, threads = 0, mappings = 0;
	uint64_t vanished = 0;         // processes and threads that ended while they were read
	uint64_t denied = 0;           // processes whose mappings this user may not see
	std::string denied_name;       // one of them, for a message
	uint64_t build_ids = 0;        // mappings recorded with one
	uint64_t unreadable_files = 0; // mapped files that could not be opened for their build id
};

class RunningTasks {
public:
	explicit RunningTasks(RunningTasksOptions options);

	// Appends the records of a process and all its threads. Fails if there is no such process, or /proc hides it.
	Status add_process(pid_t pid, std::string *records);
	// Those of one thread, and of its process as far as the thread needs it: its name and mappings.
	Status add_thread(pid_t tid, std::string *records);
	// Those of every process that is there; fails only if /proc cannot be read.
	Status add_all(std::string *records);

	const RunningTasksCounts &counts() const { return counts_; }
	// What the user should know, or an empty text: processes whose code cannot be named, and why.
	std::string complaint() const;

private:
	UniqueFd open_process(pid_t pid) const;
	bool add_process(int folder, pid_t pid, std::string *records);
	bool add_task(int folder, pid_t pid, pid_t tid, pid_t parent, std::string *records);
	void add_mappings(int folder, pid_t pid, const std::vector<pid_t> &tids, std::string *records);
	void add_mapping(int folder, pid_t pid, const ProcessMapping &mapping, std::string *records);
	recording::RecordIdentity identity(pid_t pid, pid_t tid) const;

	RunningTasksOptions options_;
	BuildIdCache build_ids_;
	std::unordered_set<pid_t> added_; // processes whose records stand
	std::unordered_set<pid_t> threads_;
	RunningTasksCounts counts_;
};

} // namespace neuroperf::collector
