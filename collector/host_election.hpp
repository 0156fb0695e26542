// SPDX-License-Identifier: Apache-2.0
// Of the recorders that are ranks of one job on one host, one records the events that are the host's and of no process:
// states and clocks of devices. When it ends, or is killed, the next one that asks takes over.
//
// Events of jobs are not among them: a job's start and end come in workers and interrupts, and each rank needs those of
// its own jobs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/host_lock.hpp"
#include "collector/recorder_log.hpp"

namespace neuroperf::collector {

struct HostElectionFacts {
	std::string job;                 // launched_job()
	std::string boot_id;             // folders may be of several hosts
	std::vector<std::string> events; // who records others is no candidate for these
	std::string rank;                // as the launcher says it
	uint64_t pid = 0;                // of the recorder
};

class HostElection {
public:
	// Error: io, there is no place for the lock. Then each records for itself.
	static Result<HostElection> join(const HostElectionFacts &facts, const std::vector<std::string> &folders);

	// Whether this recorder has the events from now on, until it leaves. Call it when recording begins, and then in
	// each round.
	bool stand();
	bool is_elected() const { return lock_.is_held(); }
	// Lets another one take over. `time_ns`: when this recorder ceased to record (CLOCK_MONOTONIC); 0: nobody
	// knows.
	void leave(uint64_t time_ns);

	// Since the last write().
	bool has_news() const { return has_news_; }
	// All that there is to say, as statistics of the recorder.
	void write(RecorderLog *log);

private:
	HostElection(HostLock lock, std::string text) : lock_(std::move(lock)), text_(std::move(text)) {}
	void look_who_has_it();

	HostLock lock_;
	std::string text_;                                   // of this recorder: "RANK PID"
	uint64_t joined_ns_ = 0, from_ns_ = 0, left_ns_ = 0; // 0: not yet
	std::string other_;                                  // the last one that was elected before
	uint64_t others_ = 0;
	bool has_news_ = false;
};

} // namespace neuroperf::collector
