// SPDX-License-Identifier: Apache-2.0
// Lines of ftrace's text: /sys/kernel/tracing/trace, and what `trace-cmd report` prints.
//
//   COMM-PID [(TGID)] [CPU] [FLAGS] SECONDS: EVENT: TEXT
//
// A name may have blanks, dashes and colons in it. Flags are 4 or 5 characters, or not there. Pure; lines are hostile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neuroperf::recording {

struct FtraceLine {
	std::string_view comm;
	uint32_t tid = 0;
	std::optional<uint32_t> tgid; // only where it was recorded
	uint32_t cpu = 0;
	uint64_t time_ns = 0;
	std::string_view event; // without its group, which the text does not have
	std::string_view text;
};

// Nothing if it is none: a comment, an empty line, or something else.
std::optional<FtraceLine> parse_ftrace_line(std::string_view line);

// How an event is printed: text with {FIELD} in it, {FIELD:x} for a hexadecimal number, with 0x before it or without.
class TextPattern {
public:
	struct Field {
		std::string name;
		bool hexadecimal = false;
	};

	explicit TextPattern(std::string_view pattern);
	const std::vector<Field> &fields() const { return fields_; }
	// One text for each field, in their order; nothing if it is printed otherwise. A field ends where the next
	// piece of the pattern stands first.
	bool match(std::string_view text, std::vector<std::string_view> *values) const;

private:
	std::vector<Field> fields_;
	std::vector<std::string> pieces_; // before, between and behind them
};

// A whole text that is a number. Decimal may be negative: then as the 64 bits of it.
std::optional<uint64_t> number_of(std::string_view text, bool hexadecimal);

} // namespace neuroperf::recording
