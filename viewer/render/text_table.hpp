// SPDX-License-Identifier: Apache-2.0
// A table as aligned text: what fits a given width, and which columns did not.
//
// Takes text that is fit to be shown (display_text.hpp) and knows nothing of what it means.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace neuroperf::viewer {

struct TextStyle {
	std::size_t width = 0; // of a line; 0: no limit, nothing is shortened or left out
	bool colour = false;
	bool unicode = false;
};

struct TextColumn {
	std::string heading;
	bool text = false; // left aligned, may be shortened; else right aligned and whole
	int keep = 0;      // where the width does not suffice, columns with a smaller number go first; the first stays
};

struct TextTable {
	std::vector<TextColumn> columns;
	std::vector<std::vector<std::string>> rows; // one text per column
};

struct LaidOutTable {
	std::string text;                  // heading, rule and rows, each line ending with a newline
	std::vector<std::string> left_out; // headings
};

LaidOutTable lay_out(const TextTable &table, const TextStyle &style);

// Colour where wanted, else the text as it is.
std::string bold(std::string text, const TextStyle &style);
std::string dim(std::string text, const TextStyle &style);

} // namespace neuroperf::viewer
