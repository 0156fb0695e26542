// SPDX-License-Identifier: Apache-2.0
// print_events PMU_FOLDER TRACEFS TEXT...: what the collector makes of texts of -e, for comparing with perf.
// An empty folder means the kernel's. A line "= TEXT" each, then a line for each event, or one beginning with "error".
#include <cinttypes>
#include <cstdio>

#include "collector/event_syntax.hpp"

using namespace neuroperf::collector;

namespace {

void print_field(const char *name, uint64_t value)
{
	if (value != 0)
		std::printf(" %s=%" PRIx64, name, value);
}

void print_event(const RequestedEvent &event)
{
	const perf_event_attr &attr = event.attr;
	std::printf("event");
	print_field("type", attr.type);
	print_field("config", attr.config);
	print_field("config1", attr.config1);
	print_field("config2", attr.config2);
	print_field("exclude_user", attr.exclude_user);
	print_field("exclude_kernel", attr.exclude_kernel);
	print_field("exclude_hv", attr.exclude_hv);
	print_field("exclude_host", attr.exclude_host);
	print_field("exclude_guest", attr.exclude_guest);
	print_field("exclude_idle", attr.exclude_idle);
	print_field("precise_ip", attr.precise_ip);
	print_field("pinned", attr.pinned);
	print_field("exclusive", attr.exclusive);
	std::printf(" name=%s\n", event.name.c_str());
}

} // namespace

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	EventSources sources;
	if (argv[1][0])
		sources.pmu_folder = argv[1];
	sources.tracefs = argv[2];
	for (int i = 3; i < argc; i++) {
		std::printf("= %s\n", argv[i]);
		const auto groups = parse_events({argv[i]}, sources);
		if (!groups.ok())
			std::printf("error %s; %s\n", groups.error().what.c_str(), groups.error().hint.c_str());
		else
			for (const EventGroup &group : *groups)
				for (const RequestedEvent &event : group.events)
					print_event(event);
	}
}
