// SPDX-License-Identifier: Apache-2.0
// Reads a recording once, in time order, and collects what the report needs.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "analyzer/collectives.hpp"
#include "analyzer/device_states.hpp"
#include "analyzer/driver_events.hpp"
#include "analyzer/jobs.hpp"
#include "analyzer/latency_tables.hpp"
#include "analyzer/layers.hpp"
#include "analyzer/on_cpu.hpp"
#include "analyzer/own_events.hpp"
#include "analyzer/runtimes.hpp"
#include "analyzer/sample_filter.hpp"
#include "analyzer/stacks.hpp"
#include "analyzer/threads.hpp"
#include "analyzer/time_order.hpp"
#include "analyzer/user_stacks.hpp"
#include "recording/reader.hpp"

namespace neuroperf::analyzer {

struct RecordedNote {
	unsigned severity = 0; // as in recording::NotePayload
	std::string code, text, remedy;
};

struct Analysis {
	Analysis(uint64_t skip_first, Symbolizer *names)
		: symbolizer(*names), layers(skip_first), stacks(threads, layers, names), on_cpu(threads)
	{
	}
	Analysis(const Analysis &) = delete; // stacks refers to its neighbours
	Analysis &operator=(const Analysis &) = delete;

	Symbolizer &symbolizer;
	Threads threads;
	ThreadStates states;
	Layers layers;
	Stacks stacks;
	OnCpu on_cpu;
	std::unique_ptr<DriverEvents> driver_events; // and jobs: there once it is analysed
	std::unique_ptr<Jobs> jobs;
	std::unique_ptr<DeviceStates> device_states;
	CollectiveEnds exchange_ends;
	StreamCounts stream;
	std::map<std::string, uint64_t> recorder_stats; // the last value of each
	std::vector<RecordedNote> notes;
	Runtimes runtimes;                               // that nobody rebuilt
	std::vector<uint64_t> samples_of_event;          // by index in the recording; all of them, whatever the filter
	int counted_event = -1;                          // whose samples stacks, threads and `samples` are; -1: none
	bool has_switches = false;                       // an event recorded context switches
	bool has_waits = false;                          // and what threads waited for
	SchedulingLatency scheduling;                    // where has_waits
	uint64_t lost_switches = 0;                      // of those that tell it
	bool knows_page_faults = false;                  // samples have call chains, and functions of the kernel names
	bool samples_kernel = false;                     // the counted event is a clock or cycles, of the kernel too
	uint64_t samples = 0;                            // of the counted event, inside the filter
	uint64_t lost_samples = 0;                       // lost by the kernel
	uint64_t lost_in_process = 0;                    // of our own events
	uint64_t damaged_records = 0;                    // could not be parsed
	uint64_t unknown_counters = 0;                   // of groups, that the header does not describe
	std::array<uint64_t, Unwinder::kEnds> unwound{}; // stacks unwound from their copies, by how they ended
	uint64_t foreign_stacks = 0;                     // copies of stacks of a machine that cannot be unwound
	uint64_t kernel_text = 0;                        // address of _text, from the kernel's MMAP record
	uint64_t first_event_ns = 0, last_event_ns = 0;  // of in-process events
};

struct AnalysisOptions {
	SampleFilter filter{};
	std::string event{}; // name of the event to count; empty: the first that samples code
	std::vector<recording::DriverDescription> drivers{}; // whose jobs are followed
	bool own_jobs_only = false;                          // of processes that the recording names
	OrderOptions order{};
	std::string symbol_root{};           // where the recorded system's files lie; empty: here
	bool off_cpu = false;                // stacks are those of threads off their CPUs, in ns, and not of samples
	std::set<std::string> host_events{}; // names of events that one recorder may have for all ranks on a host
};

// Fills `analysis` from the recording. Error: usage, there is no such event.
Status analyze(const recording::PerfDataReader &reader, const AnalysisOptions &options, Analysis *analysis);

} // namespace neuroperf::analyzer
