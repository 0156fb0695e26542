// SPDX-License-Identifier: Apache-2.0
// When a recording ends: its program or its tasks have ended, the time is over, or the user says so. Handles the
// signals and the children of the recorder.
#pragma once

#include <sys/signalfd.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "collector/options.hpp"
#include "collector/signal_source.hpp"
#include "collector/target.hpp"

namespace neuroperf::collector {

class Lifetime {
public:
	Lifetime(const RecordOptions &options, const Target &target);

	int descriptor() const { return signals_.descriptor(); } // to poll; -1: could not be made
	// Signals are passed on to it from now on.
	void set_program(pid_t program) { program_ = program; }
	// What has a duration lasts from here on; at first, from when this was made.
	void begin(uint64_t start_ns) { start_ns_ = start_ns; }
	void handle_signals();
	// `more_to_come`: processes that the tasks have forked are still recorded.
	bool is_over(bool more_to_come);

	bool program_ended() const { return program_ended_; }
	int exit_status() const { return exit_status_; } // as a shell says it
	bool time_is_over() const { return time_is_over_; }
	int last_signal() const { return last_signal_; } // of the user to the recorder; 0: none

private:
	void handle(const signalfd_siginfo &info);
	bool is_of_the_program(pid_t sender) const;
	void reap_children();
	bool tasks_have_ended(uint64_t now, bool more_to_come);

	const RecordOptions &options_;
	uint64_t start_ns_;
	SignalSource signals_;
	std::optional<TargetWatch> watch_; // with running tasks only
	uint64_t last_watch_ns_ = 0;
	pid_t program_ = 0; // 0: none
	bool program_ended_ = false, no_children_ = false, time_is_over_ = false;
	int exit_status_ = 0, last_signal_ = 0;
	uint64_t interrupted_ns_ = 0; // when the user asked to end
};

} // namespace neuroperf::collector
