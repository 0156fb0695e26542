// SPDX-License-Identifier: Apache-2.0
// Texts of `record -e`, one a line, and the files that sysfs would hold: all are taken as they come.
#include "collector/event_syntax.hpp"
#include "collector/kernel_files.hpp"
#include "collector/near_names.hpp"
#include "collector/pmu_folder.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf::collector;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view text = neuroperf::fuzz::text_of(data, size);
	const EventSources nowhere{"/nonexistent", "/nonexistent", false};
	const auto groups = parse_events({std::string(text)}, nowhere);
	if (groups.ok())
		for (const EventGroup &group : *groups)
			for (const RequestedEvent &event : group.events)
				if (event.name.empty() || event.attr.size != neuroperf::recording::kAttrSize)
					__builtin_trap();
	if (!groups.ok() && groups.error().what.empty())
		__builtin_trap();

	if (const auto field = parse_pmu_field(text))
		if (field->place(field->max_value()) != field->mask)
			__builtin_trap();
	parse_cpus(text);
	did_you_mean(text, {"cycles", "instructions", std::string(text)});
	return 0;
}
