// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <charconv>
#include <iostream>

namespace spiking_digits {

namespace {

constexpr int kUsageError = 2;

void print_help(const char *program, const std::vector<NumberOption> &options)
{
	std::cout << "usage: " << program << " [--option N]...\n";
	for (const NumberOption &option : options)
		std::cout << "  " << option.name << " N  " << option.meaning << ", " << option.low << " to "
			  << option.high << " (default " << *option.value << ")\n";
}

bool parse_number(std::string_view text, const NumberOption &option)
{
	unsigned number = 0;
	const char *end = text.data() + text.size();
	const auto [stopped, error] = std::from_chars(text.data(), end, number);
	if (error != std::errc() || stopped != end || number < option.low || number > option.high)
		return false;
	*option.value = number;
	return true;
}

const NumberOption *find_option(std::string_view name, const std::vector<NumberOption> &options)
{
	for (const NumberOption &option : options)
		if (option.name == name)
			return &option;
	return nullptr;
}

} // namespace

std::optional<int> parse_options(int argc, char **argv, const std::vector<NumberOption> &options)
{
	for (int i = 1; i < argc; i += 2) {
		const std::string_view name = argv[i];
		if (name == "--help") {
			print_help(argv[0], options);
			return 0;
		}
		const NumberOption *option = find_option(name, options);
		if (!option) {
			std::cerr << argv[0] << ": unknown option " << name << "; --help lists them\n";
			return kUsageError;
		}
		if (i + 1 == argc || !parse_number(argv[i + 1], *option)) {
			std::cerr << argv[0] << ": " << name << " needs a number from " << option->low << " to "
				  << option->high << '\n';
			return kUsageError;
		}
	}
	return std::nullopt;
}

} // namespace spiking_digits
