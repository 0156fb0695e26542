// SPDX-License-Identifier: Apache-2.0
// perf_event_attr of the events a recording opens: what is the same for all, and what sampling adds.
#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <string>

#include "collector/options.hpp"
#include "collector/requested_event.hpp"
#include "collector/target.hpp"

namespace neuroperf::collector {

// The attr of a sampling event. `frequency_hz` is used unless options.period is set; tracepoints are sampled at every
// hit unless options.period says otherwise.
perf_event_attr sampling_attr(const RequestedEvent &event, const RecordOptions &options, unsigned frequency_hz);

// A member of a group whose leader samples for it ({...}:S): counts only.
void make_counting_member(perf_event_attr *attr);
// Its leader: each sample reads the whole group. Such a group is not inherited by children (the kernel refuses it
// before Linux 6.13, commit 7e8b255650fc).
void make_reading_leader(perf_event_attr *attr);

// Programs, mappings and tasks come with this event.
void add_side_band(perf_event_attr *attr);
// And with it when tasks get to a CPU and leave it, which a user may know of his own tasks.
void add_context_switches(perf_event_attr *attr);
// An event that has the side band and nothing else.
perf_event_attr side_band_attr(const RecordOptions &options);

// When it begins to count.
enum class Start { at_exec, when_enabled, with_leader };
void set_start(perf_event_attr *attr, Start start);

} // namespace neuroperf::collector
