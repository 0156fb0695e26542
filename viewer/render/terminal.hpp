// SPDX-License-Identifier: Apache-2.0
// The report as text for a terminal or a pipe: quality first, then the recording, then one table each for layers,
// inferences, functions and threads.
//
// Where each number comes from stands under its table. What does not fit the width is named, never silently cut; in a
// pipe nothing is cut at all. No name can steer the terminal (display_text.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "analyzer/report.hpp"

namespace neuroperf::viewer {

struct TerminalOptions {
	unsigned width = 0; // columns; 0: unlimited
	bool colour = false;
	bool unicode = false;
	std::size_t top = 20; // rows of a table, the rest is summed in one line; 0: all
};

std::string render_terminal(const analyzer::Report &report, const TerminalOptions &options);

// What decides about width, colour and characters, as found in the environment.
struct TerminalFacts {
	bool is_terminal = false;
	unsigned columns = 0; // as the terminal says; 0: it does not say (a fresh pty)
	std::string columns_variable, term, no_color, clicolor_force; // environment, empty if unset
	std::string codeset;                                          // of the locale: "UTF-8"
};

enum class ColourChoice { automatic, always, never };

// Colour: the choice, then NO_COLOR, then CLICOLOR_FORCE, then whether a terminal other than "dumb" reads it.
// Width: the terminal's, then COLUMNS, then 80; unlimited where no terminal reads it.
TerminalOptions choose_options(const TerminalFacts &facts, ColourChoice colour);

TerminalFacts terminal_facts(int fd);
TerminalOptions detect_terminal(int fd, ColourChoice colour);

} // namespace neuroperf::viewer
