// SPDX-License-Identifier: Apache-2.0
#include "viewer/pager.hpp"

#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace neuroperf::viewer {
namespace {

std::string pager_command()
{
	for (const char *variable : {"NEUROPERF_PAGER", "PAGER"})
		if (const char *value = std::getenv(variable); value && *value)
			return value;
	return "less -FRX";
}

bool fits_on_screen(std::string_view text)
{
	winsize size = {};
	if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		return true; // not known: better no pager than a surprising one
	return std::count(text.begin(), text.end(), '\n') < size.ws_row;
}

bool can_run(const std::string &command)
{
	const std::string program = command.substr(0, command.find(' '));
	return std::system(("command -v -- '" + program + "' >/dev/null 2>&1").c_str()) == 0;
}

} // namespace

bool show_in_pager(std::string_view text)
{
	if (::isatty(STDOUT_FILENO) != 1 || fits_on_screen(text))
		return false;
	const std::string command = pager_command();
	if (command == "cat" || command.find('\'') != command.npos || !can_run(command))
		return false;
	std::fflush(stdout);
	std::FILE *const pager = ::popen(command.c_str(), "w");
	if (!pager)
		return false;
	auto *const before = std::signal(SIGPIPE, SIG_IGN); // the reader may leave before the end
	std::fwrite(text.data(), 1, text.size(), pager);
	::pclose(pager);
	std::signal(SIGPIPE, before);
	return true;
}

} // namespace neuroperf::viewer
