// SPDX-License-Identifier: Apache-2.0
// All that a recording drains in each round: the kernel's perf rings, shared rings of the launched program, tracepoints
// by BPF, and probes of running programs. Opens what the plan says and, where that fails, what comes next.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/attached_events.hpp"
#include "collector/bpf_tracepoints.hpp"
#include "collector/clock.hpp"
#include "collector/mapped_build_ids.hpp"
#include "collector/open_file_limit.hpp"
#include "collector/perf_events.hpp"
#include "collector/plan.hpp"
#include "collector/python_names.hpp"
#include "collector/recorder_log.hpp"
#include "collector/runtime_probes.hpp"
#include "collector/sampling_filter.hpp"
#include "collector/shared_rings.hpp"
#include "collector/thread_switches.hpp"
#include "recording/writer.hpp"

namespace neuroperf::collector {

class Sources {
public:
	explicit Sources(const Plan &plan) : plan_(plan) {}

	// For a program that is about to be launched.
	Status create_shared_rings();
	Status create_python_names();
	// What the program needs in its environment.
	std::vector<std::string> create_agent(const RecordOptions &options);
	// `program`: the launched one, stopped before exec; 0 without one. What cannot be opened has its error below.
	void open(const RecordOptions &options, pid_t program, OpenFileLimit *open_files);
	std::vector<int> descriptors() const; // to poll: readable when something is urgent

	void enable();
	void enable_side_band();
	void disable();
	// The same, and instrumented programs are told; what is in the rings can still be drained.
	void stop();

	// Moves everything up to the clock's latest moment to the writer, what the kernel wrote first. Returns how full
	// the fullest ring was, 0 to 1.
	Result<double> drain(const CounterClock &clock, recording::PerfDataWriter *writer, OwnEventEncoder *encoder,
			     RecorderLog *log);

	const Plan &plan() const { return plan_; } // as it was carried out
	uint64_t samples() const;
	uint64_t lost_in_process() const; // events of instrumented programs
	uint64_t lost_tracepoints() const { return tracepoints ? tracepoints->counts().lost() : 0; }
	uint64_t lost_switches() const { return switches ? switches->counts().lost() : 0; }
	SharedRingsCounts ring_counts() const { return rings ? rings->counts() : SharedRingsCounts{}; }
	const PerfRecordCounts &perf_counts() const { return perf_counts_; }
	bool has_stalled_writer() const { return rings && rings->has_stalled_writer(); }

	std::optional<SharedRings> rings;            // with a command only
	std::optional<SamplingFilter> sample_filter; // outlives the events
	std::optional<PerfEvents> events;
	std::optional<BpfTracepoints> tracepoints; // with events `by_bpf` only
	std::optional<ThreadSwitches> switches;    // with the anatomy only
	std::optional<AttachedEvents> attached;    // with running tasks only
	std::optional<PythonNames> python_names;   // outlives the probes in runtimes
	std::optional<RuntimeProbes> runtimes;     // with runtimes to look for only
	std::optional<Error> sampling_error, sample_filter_error, tracepoints_error, switches_error, attach_error;

private:
	void create_runtimes(const RecordOptions &options);
	void open_tracepoints(const RecordOptions &options, pid_t program);
	void open_switches(const RecordOptions &options, pid_t program);
	void open_sample_filter();
	void open_events(pid_t program, OpenFileLimit *open_files);
	Status try_events(pid_t program);
	void attach();
	double drain_attached(uint64_t now, OwnEventEncoder *encoder, RecorderLog *log);
	double drain_runtimes(bool new_mappings, OwnEventEncoder *encoder, RecorderLog *log);

	void serve_runtimes(OwnEventEncoder *encoder, RecorderLog *log);

	Plan plan_;
	std::string bytes_;
	PerfRecordCounts perf_counts_;
	MappedBuildIds build_ids_;
	uint64_t last_rescan_ns_ = 0;
};

} // namespace neuroperf::collector
