// SPDX-License-Identifier: Apache-2.0
// Which events of accelerators' drivers a recording subscribes to: of each description whose driver is here, those of
// the first source whose events can all be had, whatever the kernel's version: tracepoints that tracefs has, and
// probes of the description's own where the machine has the places (driver_places.hpp).
//
// Events by which the target's own threads queue jobs are kept from others in the kernel; what comes in workers
// and interrupts is of the whole machine, and the analyzer selects by the jobs' numbers. Fields that point to a text
// in the kernel are read when the event comes: in the recording they are texts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/host.hpp"
#include "collector/options.hpp"
#include "collector/plan.hpp"
#include "collector/requested_event.hpp"
#include "recording/driver_description.hpp"

namespace neuroperf::collector {

struct DriverEvent {
	RequestedEvent event;
	bool everywhere = true; // not of the recorded processes alone
	std::optional<PlannedProbe> probe{};
	bool of_host = false; // tells of devices alone, whoever runs
};

// One driver that is here; without events where none can be had that its description names.
struct DriverSubscription {
	std::string driver, title, source;
	std::vector<DriverEvent> events;
	std::string problem; // why there are none
};

// `root`: the folder in which dev, proc and sys are looked for. Of drivers that are described by files of the user's,
// or that the user names, nobody asks whether they are here.
std::vector<DriverSubscription> find_driver_events(const std::vector<recording::DriverDescription> &drivers,
						   const RecordOptions &options, const EventSources &sources,
						   const std::string &root = "");

// Adds their events to the plan, if a BPF program may record them here.
void plan_drivers(const std::vector<DriverSubscription> &drivers, const RecordOptions &options,
		  const HostSnapshot &host, Plan *plan);

// A format text whose pointers to texts are texts, as the BPF program records them; `offsets`: where they stand.
std::string with_texts_for_pointers(std::string format, std::vector<uint32_t> *offsets);

} // namespace neuroperf::collector
