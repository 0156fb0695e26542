// SPDX-License-Identifier: Apache-2.0
// What the program says on stderr, and the exit codes it ends with (docs/man/neuroperf.1.scd).
#pragma once

#include <string_view>

#include "recording/result.hpp"

namespace neuroperf::viewer {

enum ExitCode : int {
	kExitOk = 0,
	kExitFailure = 1,
	kExitUsage = 2,
	kExitRegression = 3,   // gate
	kExitInconclusive = 4, // gate
	kExitRecorder = 125,   // record: our own failure; every other status is the program's
	kExitNotExecutable = 126,
	kExitNotFound = 127,
};

// "neuroperf: WHAT" and, if there is one, "  hint: HINT".
void print_error(const Error &error);
void print_line(std::string_view text);

// Exit code for an error of any command but record.
int exit_code(const Error &error);

// Writes to stdout; false if nobody reads it any more (a closed pipe), which is not an error.
bool write_output(std::string_view text);
// Writes a file, or stdout for "" and "-".
Status write_file(const std::string &path, std::string_view text);

} // namespace neuroperf::viewer
