// SPDX-License-Identifier: Apache-2.0
// Names from outside, made fit to be shown: nothing in them can steer a terminal or hide, and their width is known.
//
// printable() comes first, always: the other functions expect its output.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace neuroperf::viewer {

// The text with what cannot be seen written out: control characters and bytes that are not UTF-8 as \x1b, bidirectional
// overrides, invisible characters and noncharacters as \u202e. Not `unicode`: everything beyond ASCII as \u540d.
std::string printable(std::string_view text, bool unicode = true);

// Columns a terminal or a monospaced font uses: 2 for East Asian wide characters and emoji, 0 for combining marks.
std::size_t display_width(std::string_view text);

// At most `width` columns: the middle gives way to an ellipsis, as C++ names differ at both ends.
std::string shorten_middle(std::string_view text, std::size_t width, bool unicode = true);

// Lines of at most `width` columns, broken at spaces where there are any; 0: one line.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

} // namespace neuroperf::viewer
