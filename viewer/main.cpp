// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <clocale>
#include <csignal>
#include <exception>

#include "viewer/cli.hpp"
#include "viewer/messages.hpp"

int main(int argc, char **argv)
{
	std::setlocale(LC_CTYPE, "");
	try {
		return neuroperf::viewer::run_command_line(argc, argv);
	} catch (const std::exception &error) { // of a library we use: out of memory, mostly
		neuroperf::viewer::print_line(fmt::format("internal error: {}", error.what()));
		return neuroperf::viewer::kExitFailure;
	}
}
