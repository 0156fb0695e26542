// SPDX-License-Identifier: Apache-2.0
// Time in which a hypervisor ran something else while this machine's CPUs had work: /proc/stat, "steal". Threads have
// it in their time on a CPU.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace neuroperf::collector {

// Nanoseconds since the boot, of all CPUs together, in whole clock ticks. Nothing where the kernel does not tell.
// Always 0 on a machine of its own, and where the hypervisor does not say.
std::optional<uint64_t> stolen_ns();

// The same of the first line of /proc/stat; ticks_per_second: sysconf(_SC_CLK_TCK).
std::optional<uint64_t> stolen_ns(std::string_view line, uint64_t ticks_per_second);

} // namespace neuroperf::collector
