// SPDX-License-Identifier: Apache-2.0
// Reading names that should be UTF-8 and may be anything.
//
// Names of layers, threads, files and symbols come from other programs. Every place that shows or stores them walks
// them with decode_utf8, which never reads past the end and takes one byte at a time where the bytes are not UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace neuroperf::analyzer {

struct CodePoint {
	char32_t value = 0;  // the byte itself where !valid
	unsigned length = 1; // bytes taken, at least 1
	bool valid = false;  // false: not UTF-8 (overlong, surrogate, beyond U+10FFFF, cut short)
};

// The code point at the start of `text`, which must not be empty.
CodePoint decode_utf8(std::string_view text);

void append_utf8(std::string &out, char32_t value);

// The text with U+FFFD for each byte that is not UTF-8: what a report in JSON holds.
std::string to_valid_utf8(std::string_view text);

} // namespace neuroperf::analyzer
