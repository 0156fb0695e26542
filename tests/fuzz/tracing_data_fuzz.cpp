// SPDX-License-Identifier: Apache-2.0
// The tracing-data section, and format texts with a payload: "TEXT" NUL "PAYLOAD".
#include "recording/tracing_data.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

namespace {

void decode(std::string_view text, std::string_view payload)
{
	const auto format = recording::parse_format_text("fuzz", text);
	if (!format.ok())
		return;
	for (const recording::EventField &field : format->fields) {
		recording::read_number(field, payload);
		recording::read_text(field, payload);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view input = fuzz::text_of(data, size);
	const auto systems = recording::parse_tracing_data(input);
	if (systems.ok())
		for (const recording::TracingSystem &system : *systems)
			for (const std::string &text : system.formats)
				decode(text, input);
	const auto end = input.find('\0');
	decode(input.substr(0, end), end == input.npos ? std::string_view() : input.substr(end + 1));
	return 0;
}
