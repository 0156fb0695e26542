// SPDX-License-Identifier: Apache-2.0
//
// The command line of the examples: "--name N", each N a whole number within bounds.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace spiking_digits {

struct NumberOption {
	std::string_view name;
	unsigned *value; // holds the default before parsing and what was given after it
	unsigned low;
	unsigned high;
	std::string_view meaning;
};

// Returns the exit status if the program should end now: --help was given, or something wrong, which it then says.
std::optional<int> parse_options(int argc, char **argv, const std::vector<NumberOption> &options);

} // namespace spiking_digits
