// SPDX-License-Identifier: Apache-2.0
#include "recording/event_names.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace neuroperf::recording {
namespace {

// By config number: enum perf_hw_id and enum perf_sw_ids of perf_event_open(2).
constexpr std::array<std::string_view, 10> kHardware = {
	"cycles",        "instructions", "cache-references",        "cache-misses",           "branches",
	"branch-misses", "bus-cycles",   "stalled-cycles-frontend", "stalled-cycles-backend", "ref-cycles"};
constexpr std::array<std::string_view, 12> kSoftware = {
	"cpu-clock",        "task-clock",   "page-faults",  "context-switches",
	"cpu-migrations",   "minor-faults", "major-faults", "alignment-faults",
	"emulation-faults", "dummy",        "bpf-output",   "cgroup-switches"};

std::string base_name(const perf_event_attr &attr)
{
	const uint64_t config = attr.config;
	if (attr.type == PERF_TYPE_HARDWARE && (config & 0xffffffff) < kHardware.size())
		return std::string(kHardware[config & 0xffffffff]);
	if (attr.type == PERF_TYPE_SOFTWARE && config < kSoftware.size())
		return std::string(kSoftware[config]);
	if (attr.type == PERF_TYPE_RAW)
		return fmt::format("raw {:#x}", config);
	if (attr.type == PERF_TYPE_TRACEPOINT)
		return fmt::format("tracepoint {}", config);
	return fmt::format("event type {} config {:#x}", attr.type, config);
}

} // namespace

std::string event_name(const perf_event_attr &attr)
{
	std::string name = base_name(attr);
	if (attr.type == PERF_TYPE_TRACEPOINT || !(attr.exclude_user || attr.exclude_kernel || attr.exclude_hv))
		return name;
	name += ':';
	if (!attr.exclude_user)
		name += 'u';
	if (!attr.exclude_kernel)
		name += 'k';
	if (!attr.exclude_hv)
		name += 'h';
	return name;
}

} // namespace neuroperf::recording
