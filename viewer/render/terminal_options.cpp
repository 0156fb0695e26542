// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdlib>

#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "viewer/render/terminal.hpp"

namespace neuroperf::viewer {

namespace {

constexpr unsigned kDefaultWidth = 80;
constexpr unsigned kMostColumns = 10000; // more is a mistake in COLUMNS

bool choose_colour(const TerminalFacts &facts, ColourChoice choice)
{
	if (choice != ColourChoice::automatic)
		return choice == ColourChoice::always;
	if (!facts.no_color.empty())
		return false;
	if (!facts.clicolor_force.empty() && facts.clicolor_force != "0")
		return true;
	return facts.is_terminal && facts.term != "dumb";
}

unsigned choose_width(const TerminalFacts &facts)
{
	if (!facts.is_terminal)
		return 0;
	if (facts.columns > 0)
		return facts.columns;
	const std::string &text = facts.columns_variable;
	unsigned columns = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
	const bool whole = error == std::errc() && end == text.data() + text.size();
	return whole && columns > 0 && columns <= kMostColumns ? columns : kDefaultWidth;
}

std::string variable(const char *name)
{
	const char *value = std::getenv(name);
	return value ? value : "";
}

// Of the user's locale, whatever locale the program itself runs in.
std::string user_codeset()
{
	const locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
	if (!locale)
		return {};
	std::string codeset = nl_langinfo_l(CODESET, locale);
	freelocale(locale);
	return codeset;
}

} // namespace

TerminalOptions choose_options(const TerminalFacts &facts, ColourChoice colour)
{
	TerminalOptions options;
	options.width = choose_width(facts);
	options.colour = choose_colour(facts, colour);
	options.unicode = facts.codeset == "UTF-8" || facts.codeset == "utf8";
	return options;
}

TerminalFacts terminal_facts(int fd)
{
	TerminalFacts facts;
	facts.is_terminal = isatty(fd) == 1;
	winsize size{};
	if (facts.is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0)
		facts.columns = size.ws_col;
	facts.columns_variable = variable("COLUMNS");
	facts.term = variable("TERM");
	facts.no_color = variable("NO_COLOR");
	facts.clicolor_force = variable("CLICOLOR_FORCE");
	facts.codeset = user_codeset();
	return facts;
}

TerminalOptions detect_terminal(int fd, ColourChoice colour)
{
	return choose_options(terminal_facts(fd), colour);
}

} // namespace neuroperf::viewer
