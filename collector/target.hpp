// SPDX-License-Identifier: Apache-2.0
// What is recorded: a program that is yet to start, tasks that run already, a control group, or the whole machine.
//
// find_target reads /proc once; the plan and the recorder work with what it found.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "collector/options.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

struct Target {
	enum class Kind { program, tasks, control_group, machine };
	Kind kind = Kind::program;
	std::vector<int> processes; // of tasks and groups: for their names and mappings
	std::vector<int> threads;   // of tasks: every thread to record
	std::string folder;         // of a control group
	std::string name;           // of the control group or container; of tasks: of the first process

	// For people: "process 4711 (app)", "every process"; empty for a program, whose command says it.
	std::string text() const;
};

// Errors: not_found for a process or thread that is not there, usage for options that exclude each other.
Result<Target> find_target(const RecordOptions &options);

// Threads of a process; empty if it is gone.
std::vector<int> threads_of(int process);
// Every process that we can see; the kernel's own threads too.
std::vector<int> all_processes();

// Tells when all tasks of a target have ended.
class TargetWatch {
public:
	explicit TargetWatch(const Target &target);

	// A process counts as ended as soon as it is a zombie.
	bool all_ended();

private:
	std::vector<UniqueFd> processes_; // pidfds
	std::vector<int> threads_;        // of those without one
};

} // namespace neuroperf::collector
