// SPDX-License-Identifier: Apache-2.0
// Patterns of names: '*' stands for any characters, as few as fit. One that contains "::" or "(" is held against the
// demangled name, "brian::_array_cuba_v" or "_run_cuba_codeobject()", any other against the symbol as it stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neuroperf::collector {

class NamePattern {
public:
	explicit NamePattern(std::string_view pattern);

	bool is_demangled() const { return demangled_; }
	// Holds the text itself against the pattern.
	bool matches(std::string_view text) const { return match(text, nullptr); }
	// A symbol, demangled where the pattern wants that. `shown` becomes what was held against it, if not null.
	bool matches_symbol(std::string_view symbol, std::string *shown = nullptr) const;
	// What each '*' stands for in a text that matches; empty for one that does not.
	std::vector<std::string> captured(std::string_view text) const;

private:
	bool match(std::string_view text, std::vector<std::string> *captured) const;

	std::vector<std::string> pieces_; // between the stars
	std::string longest_word_;        // of a demangled pattern: stands in the mangled name too
	bool demangled_;
};

// {1} to {9} in a text become what the stars of a pattern stood for.
std::string filled_in(std::string text, const std::vector<std::string> &captured);

// The name that a mangled symbol or a C++ type's RTTI name stands for; any other text as it is.
std::string demangled(std::string_view name);

} // namespace neuroperf::collector
