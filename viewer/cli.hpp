// SPDX-License-Identifier: Apache-2.0
// The command line: parses it and runs the command.
#pragma once

namespace neuroperf::viewer {

int run_command_line(int argc, char **argv);

} // namespace neuroperf::viewer
