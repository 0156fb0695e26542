// SPDX-License-Identifier: Apache-2.0
// What one recording has of the events that are the host's and of no process: all of them, or, where the recorder is a
// rank of a job, those of the time in which it is elected (collector/host_election.hpp).
//
// One thread.
#pragma once

#include <cstdint>
#include <optional>

#include "collector/bpf_tracepoints.hpp"
#include "collector/host.hpp"
#include "collector/host_election.hpp"
#include "collector/plan.hpp"
#include "collector/recorder_log.hpp"

namespace neuroperf::collector {

class HostEvents {
public:
	// Before recording begins. `tracepoints` must stay; null: there are no such events.
	void join(const Plan &plan, const HostSnapshot &host, BpfTracepoints *tracepoints);
	// Recording begins.
	void begin();
	// In each round: another one's turn may be over.
	void stand(RecorderLog *log);
	// This recorder ceases to record. `time_ns`: as HostElection::leave() wants it.
	void leave(uint64_t time_ns);
	void write(RecorderLog *log);

private:
	BpfTracepoints *tracepoints_ = nullptr;
	std::optional<HostElection> election_;
	std::optional<Error> error_; // why there is none, in a job
	bool begun_ = false;
};

} // namespace neuroperf::collector
