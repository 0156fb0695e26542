// SPDX-License-Identifier: Apache-2.0
// What the plan says of the recording itself: when it begins and ends, its file, and the memory of its rings.
#pragma once

#include <cstddef>
#include <vector>

#include "collector/host.hpp"
#include "collector/options.hpp"
#include "collector/plan.hpp"

namespace neuroperf::collector {

// Of the ring for events by the probes of running programs: 160,000 of them.
constexpr std::size_t kAttachedRingBytes = 8 << 20;
// Bytes of the ring that each CPU has for tracepoints by BPF, and likewise for probes in runtimes: what the user says,
// else a share of 64 MiB.
std::size_t tracepoint_ring_bytes(const RecordOptions &options, std::size_t cpus);
// The same for switches of threads.
std::size_t switch_ring_bytes(const RecordOptions &options);

std::vector<PlanItem> recording_items(const Plan &plan, const RecordOptions &options, const HostSnapshot &host);

} // namespace neuroperf::collector
