// SPDX-License-Identifier: Apache-2.0
// What the user asked of `neuroperf record`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace neuroperf::collector {

enum class CallGraph { none, frame_pointers, dwarf };

struct RecordOptions {
	// What to record: the command, unless one of the others is given; then the recording lasts as long as the
	// command, if there is one.
	std::vector<std::string> command; // program and arguments
	std::vector<int> processes;
	std::vector<int> threads;
	bool whole_machine = false;
	std::vector<unsigned> cpus; // only on these; alone: the whole machine on these
	std::string control_group;  // by its name in the hierarchy that perf uses
	std::string container;      // by id or name: the control group it runs in

	std::vector<std::string> command_line; // of the recorder, as typed
	std::string output = "neuroperf.data";
	std::vector<std::string> events;        // as typed; empty: the best clock for sampling
	std::optional<unsigned> frequency_hz;   // samples per second and CPU, or task; nothing: what they cost decides
	std::optional<uint64_t> period;         // a sample every so many events instead
	CallGraph callgraph = CallGraph::none;  // with each sample
	uint32_t stack_bytes = 8192;            // copied with each sample for CallGraph::dwarf
	bool no_bpf = false;                    // load no program into the kernel
	std::vector<std::string> runtimes;      // whose insides to record: names, "auto" or "none"; empty: auto
	std::vector<std::string> runtime_files; // descriptions of the user's
	std::vector<std::string> drivers;       // whose jobs to record: names, "auto" or "none"; empty: auto
	std::vector<std::string> driver_files;  // descriptions of the user's
	// Share of a thread's time that probes in runtimes may cost; 1: any. Nothing: 2 % with the samples.
	std::optional<double> probe_budget;
	bool begins_only = false;             // layers that follow each other are probed where they begin alone
	bool per_shape = false;               // layers of runtimes are told apart by shape too
	bool agent = false;                   // calls of runtimes' virtual functions go by an agent in the program
	bool python_names = false;            // layers of Python frameworks have the names of their modules
	bool no_switches = false;             // do not record when threads get and leave a CPU
	bool no_anatomy = false;              // nor why they leave it, and who wakes them
	bool user_only = false;               // nothing of the kernel
	std::optional<uint64_t> ring_bytes;   // of each CPU's perf ring
	int compression_level = 0;            // of zstd; 0: none
	std::optional<uint64_t> max_bytes;    // end the recording when the files are so large
	std::optional<uint64_t> switch_bytes; // go on in a new file when one is so large
	std::optional<double> switch_s;       // the same after so long
	std::optional<double> duration_s;     // end the recording after so long
	unsigned delay_ms = 0;                // begin so long after the program
	bool follow = false;                  // go on until the last child has ended, not only the program itself
	bool as_root = false;                 // under sudo: do not give the program back to the invoking user

	// The command is what is recorded.
	bool records_command() const
	{
		return processes.empty() && threads.empty() && !whole_machine && cpus.empty() &&
		       control_group.empty() && container.empty();
	}
};

} // namespace neuroperf::collector
