// SPDX-License-Identifier: Apache-2.0
// HEADER_TRACING_DATA: the section of a perf.data file that carries tracefs `format` texts, and the format text itself.
//
// Layout and traps: docs/recording-format.md. Reading takes any content for hostile; what cannot be parsed is an Error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::recording {

struct TracingSystem {
	std::string name; // "sched", "neuroperf"
	std::vector<std::string> formats;
};

std::string build_tracing_data(const std::vector<TracingSystem> &systems);
Result<std::vector<TracingSystem>> parse_tracing_data(std::string_view section);

// One field of a tracepoint's payload, as its format text says.
struct EventField {
	std::string name;
	std::string type;    // C declaration without the name: "u64", "__data_loc char []"
	uint32_t offset = 0; // from the start of the payload
	uint32_t size = 0;
	bool is_signed = false;
	bool is_data_loc = false; // the field holds length << 16 | offset of the value
	bool is_text = false;     // array of char, in place or by data_loc
};

struct EventFormat {
	std::string system;
	std::string name;
	uint32_t id = 0;                // common_type of the payload, attr.config of the event
	std::vector<EventField> fields; // without the common_ ones

	const EventField *field(std::string_view name) const;
};

// How the format text of a made event begins: its name, number, and the fields that all have. Its own fields follow, an
// empty line, and how it is printed.
std::string format_head(std::string_view name, uint32_t id);
Result<EventFormat> parse_format_text(std::string_view system, std::string_view text);

// Elements of an array of numbers, in place ("unsigned long args[6]"); 0: the field is something else.
uint32_t array_length(const EventField &field);
EventField array_element(const EventField &field, uint32_t index);

// Values out of a payload: 0 or empty where the payload is too short for the field.
uint64_t read_number(const EventField &field, std::string_view payload);
std::string_view read_text(const EventField &field, std::string_view payload);

} // namespace neuroperf::recording
