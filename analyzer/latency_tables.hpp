// SPDX-License-Identifier: Apache-2.0
// The tables "scheduling" and "pace" of the report, for those who must be on time: how long threads waited for a CPU
// after they were woken, and how evenly inferences follow each other.
#pragma once

#include <unordered_map>

#include "analyzer/durations.hpp"
#include "analyzer/layers.hpp"
#include "analyzer/report.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

// By ThreadId; from being woken to running.
using SchedulingLatency = std::unordered_map<uint32_t, Durations>;

// By their longest one.
Table make_scheduling(const SchedulingLatency &latency, const Threads &threads);
// Of inferences that were called three times or more: from the begin of one to that of the next, whichever thread.
Table make_pace(const Layers &layers);

} // namespace neuroperf::analyzer
