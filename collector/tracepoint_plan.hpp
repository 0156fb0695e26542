// SPDX-License-Identifier: Apache-2.0
// Which tracepoints a BPF program records (bpf_tracepoints.hpp), and which perf events do.
#pragma once

#include <optional>

#include "collector/host.hpp"
#include "collector/options.hpp"
#include "collector/plan.hpp"
#include "collector/requested_event.hpp"
#include "collector/target.hpp"

namespace neuroperf::collector {

// BPF is cheaper, but has neither call chains nor counts of a group, and follows whole processes only.
bool is_recorded_by_bpf(const EventGroup &group, const RecordOptions &options, const HostSnapshot &host,
			const Target &target);

// What the plan says of its tracepoints; empty if it has none.
std::optional<PlanItem> tracepoints_item(const Plan &plan, const RecordOptions &options, const HostSnapshot &host);

} // namespace neuroperf::collector
