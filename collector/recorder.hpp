// SPDX-License-Identifier: Apache-2.0
// Carries out a plan: starts the program, drains all sources in rounds, writes the recording.
//
// One round: take a time, drain every source up to it, write, mark the end of the round (FINISHED_ROUND), so that
// readers can bound their sorting. Rounds are published in the file a few times a second. One thread; the signals it
// cares for come through a signalfd.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "collector/clock.hpp"
#include "collector/launch.hpp"
#include "collector/options.hpp"
#include "collector/own_event_encoder.hpp"
#include "collector/perf_events.hpp"
#include "collector/plan.hpp"
#include "collector/shared_rings.hpp"
#include "recording/writer.hpp"

namespace neuroperf::collector {

struct RecordSummary {
	int exit_status = 0;         // of the program, as a shell says it
	bool launched = false;       // there is a program
	bool program_ended = true;   // false: the recording ended before it
	bool ended_by_limit = false; // options.duration_s or max_bytes
	int ended_by_signal = 0;     // the user's last signal to the recorder; 0: none
	uint64_t samples = 0, layer_calls = 0, spikes = 0, lost = 0;
	uint64_t file_bytes = 0;        // of all files
	std::string file;               // the last one
	std::vector<std::string> files; // switched away from; the last one has the name that was asked for
	std::vector<ChildProcess> left_running;
	std::optional<Error> write_error;    // the recording ends early, where the disk was full
	std::optional<Error> sampling_error; // planned, but could not be opened
};

// Records until the program or the tasks have ended, a limit is reached or the user says so. Errors: what kept the
// recording from starting (exec failures: not_found, with errno).
Result<RecordSummary> record(const RecordOptions &options, const HostSnapshot &host, const Plan &plan);

} // namespace neuroperf::collector
