// SPDX-License-Identifier: Apache-2.0
// Descriptions of drivers, and the patterns in them.
#include "recording/driver_description.hpp"
#include "recording/ftrace_text.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf::recording;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view text = neuroperf::fuzz::text_of(data, size);
	const auto description = parse_driver_description(text, "fuzz.json");
	if (!description.ok() && description.error().what.empty())
		__builtin_trap();
	if (description.ok())
		for (const DriverProbe &probe : description->probes)
			if (!parse_format_text("fuzz", format_of_probe(probe, true, kDriverProbeIdBase)).ok())
				__builtin_trap();
	if (description.ok())
		for (const DriverSource &source : description->sources)
			if (source.events().empty() || source.rules.size() > 64)
				__builtin_trap();
	const TextPattern pattern(text.substr(0, size / 2));
	std::vector<std::string_view> values;
	if (pattern.match(text.substr(size / 2), &values) && values.size() != pattern.fields().size())
		__builtin_trap();
	return 0;
}
