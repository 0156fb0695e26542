// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <exception>

#include "collector/environment.hpp"
#include "viewer/cli.hpp"
#include "viewer/messages.hpp"

int main(int argc, char **argv)
{
	if (::getuid() != ::geteuid() || ::getgid() != ::getegid()) {
		neuroperf::viewer::print_error({neuroperf::ErrorCode::privilege,
						"neuroperf is a set-user-ID or set-group-ID file: the program it runs "
						"would get those rights too",
						0,
						"chmod ug-s it, and give it capabilities instead: setcap "
						"cap_perfmon,cap_bpf,cap_sys_ptrace+ep"});
		return neuroperf::viewer::kExitRecorder;
	}
	neuroperf::collector::distrust_environment();
	std::setlocale(LC_CTYPE, "");
	try {
		return neuroperf::viewer::run_command_line(argc, argv);
	} catch (const std::exception &error) { // of a library we use: out of memory, mostly
		neuroperf::viewer::print_line(fmt::format("internal error: {}", error.what()));
		return neuroperf::viewer::kExitFailure;
	}
}
