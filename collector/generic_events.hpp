// SPDX-License-Identifier: Apache-2.0
// The events that the kernel names for every CPU, under all the names that perf 6.1 has for them: hardware
// ("cpu-cycles" is "cycles"), software ("cs"), caches ("L1-dcache-load-misses", "l1d-miss").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neuroperf::collector {

struct GenericEvent {
	uint32_t type; // PERF_TYPE_HARDWARE, _SOFTWARE, _HW_CACHE
	uint64_t config;
};

// Exact, and case matters, as with perf. nullopt also for what cannot be, such as stores into an instruction cache.
std::optional<GenericEvent> find_generic_event(std::string_view name);

// To offer instead of a name that nobody knows: every hardware and software name, caches in their usual spelling.
std::vector<std::string> generic_event_names();

} // namespace neuroperf::collector
