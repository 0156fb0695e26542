// SPDX-License-Identifier: Apache-2.0
// The shape of the text of `-e`: lists, groups, terms between slashes, modifiers. Pure; what the names mean is decided
// in event_syntax.cpp.
//
//   text  := group (',' group)*
//   group := event | [name] '{' event (',' event)* '}' [':' modifiers]
//   event := name | name '/' [term (',' term)*] '/' [[':'] modifiers]       the first name may end in ":modifiers"
//   term  := name ['=' value]                                               a value may stand in single quotes
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::collector {

struct EventTerm {
	std::string name;
	std::optional<std::string> value; // without quotes
};

struct WrittenEvent {
	std::string text;                            // all of it, without blanks around
	std::string name;                            // before the slash, else all of it, modifiers too
	std::optional<std::vector<EventTerm>> terms; // between slashes, if it has slashes
	std::string modifiers;                       // after the slashes
};

struct WrittenGroup {
	std::string name;
	std::vector<WrittenEvent> events;
	std::string modifiers; // of all of them
	bool braces = false;   // else it is one event
};

// At most kMaxRequestedEvents events of at most 4096 characters.
Result<std::vector<WrittenGroup>> split_events(std::string_view text);

// "event=0x3c,umask=1": also what the files of a PMU's named events hold.
Result<std::vector<EventTerm>> split_terms(std::string_view text);

// A number as perf reads it: decimal or 0x hexadecimal, all of the text, 64 bits.
std::optional<uint64_t> parse_number(std::string_view text);

} // namespace neuroperf::collector
