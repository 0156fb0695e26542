// SPDX-License-Identifier: Apache-2.0
// Starts the program to record: forked, stopped before exec until everything is attached, then let go.
//
// The recorder becomes the reaper of orphans in its tree (PR_SET_CHILD_SUBREAPER), so that children that outlive the
// program, `setsid` ones too, can be named and waited for.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "collector/host.hpp"
#include "collector/open_file_limit.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

struct LaunchOptions {
	std::vector<std::string> command;
	std::vector<std::string> environment; // "NAME=value", added to ours
	std::optional<InvokingUser> run_as;   // give up root for this user first
	OpenFileLimit open_files;             // what the program shall have
};

// How a shell would say it ended: exit status, or 128 + signal.
int shell_status(int wait_status);

// The file that a command executes, found as a shell would. Empty if there is none; `problem` is as below.
std::string program_of(const std::string &command, int *problem);
// 0 if the command can be executed, as far as can be seen without doing so; else 127 not found, 126 not executable.
int command_problem(const std::string &command);

class Launch {
public:
	// Forks. The child waits for release().
	static Result<Launch> prepare(const LaunchOptions &options);

	pid_t pid() const { return pid_; }
	// Lets the child execute the program. An Error means exec failed; its errno tells 126 from 127.
	Status release();

private:
	Launch() = default;

	pid_t pid_ = -1;
	UniqueFd go_;     // closing or writing lets the child go on
	UniqueFd result_; // errno of a failed exec; closed by a successful one
};

struct ChildProcess {
	pid_t pid = 0;
	std::string name;
};

// Processes below `ancestor`, running ones only. For messages: may miss one that is just being forked.
std::vector<ChildProcess> descendants(pid_t ancestor);

} // namespace neuroperf::collector
