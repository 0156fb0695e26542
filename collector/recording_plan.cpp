// SPDX-License-Identifier: Apache-2.0
#include "collector/recording_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "collector/shared_rings.hpp"
#include "collector/system_calls.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kTracepointRings = 64 << 20;     // of all CPUs together
constexpr std::size_t kSwitchRing = 1 << 20;           // 18,000 switches: a CPU takes 100 ms for so many
constexpr std::size_t kSwitchRingWithStacks = 8 << 20; // 5,600 of them
constexpr std::size_t kSmallestTracepointRing = 256 << 10, kLargestTracepointRing = 4 << 20;

std::string bytes_text(uint64_t bytes)
{
	constexpr uint64_t kKib = 1 << 10, kMib = 1 << 20;
	if (bytes >= kMib && bytes % kMib == 0)
		return fmt::format("{} MiB", bytes / kMib);
	return bytes >= kKib ? fmt::format("{} KiB", bytes / kKib) : fmt::format("{} bytes", bytes);
}

std::string duration_text(double seconds)
{
	return seconds < 1 ? fmt::format("{:g} ms", seconds * 1e3) : fmt::format("{:g} s", seconds);
}

PlanItem time_item(const RecordOptions &options)
{
	std::string begin = "from the start", end = "until the program ends";
	if (!options.records_command())
		end = options.command.empty() ? "until Ctrl-C, or until what is recorded has ended"
					      : "until the command ends";
	else if (options.follow)
		end = "until the program and all its children have ended";
	if (options.delay_ms != 0)
		begin = "from " + duration_text(options.delay_ms / 1e3) + " on";
	if (options.duration_s)
		end = "for at most " + duration_text(*options.duration_s) + " after the start";
	return {"time", PlanItem::State::open, begin + ", " + end, ""};
}

PlanItem file_item(const RecordOptions &options)
{
	std::string text = options.output;
	if (options.compression_level != 0)
		text += fmt::format(", compressed (zstd, level {})", options.compression_level);
	if (options.switch_bytes)
		text += ", a new one each " + bytes_text(*options.switch_bytes);
	if (options.switch_s)
		text += ", a new one each " + duration_text(*options.switch_s);
	if (options.max_bytes)
		text += ", at most " + bytes_text(*options.max_bytes) + " in all";
	return {"file", PlanItem::State::open, text, ""};
}

PlanItem memory_item(const Plan &plan, const RecordOptions &options, const HostSnapshot &host)
{
	std::vector<std::string> parts;
	const std::size_t cpus = plan.events.empty() ? 0 : plan.events.front().cpus.size();
	const auto add = [&](uint64_t each, std::string_view what) {
		parts.push_back(
			fmt::format("{} a CPU for {} ({} in all)", bytes_text(each), what, bytes_text(each * cpus)));
	};
	if (!plan.events.empty())
		add(plan.ring_pages * host.page_size, "perf events");
	const PlannedCalls calls = planned_calls(plan);
	if (calls.are_apart())
		add(tracepoint_ring_bytes(options, cpus), "system calls");
	if (calls.any || calls.others)
		add(tracepoint_ring_bytes(options, cpus), calls.are_apart() ? "other tracepoints" : "tracepoints");
	if (plan.anatomy)
		add(switch_ring_bytes(options), "switches");
	if (!plan.runtimes.empty())
		add(tracepoint_ring_bytes(options, cpus), "probes in runtimes, once there is one");
	if (plan.attach)
		parts.push_back(bytes_text(kAttachedRingBytes) + " for layers of running programs");
	if (!options.command.empty())
		parts.push_back("up to " + bytes_text(SharedRings::kRingBytes) +
				" for each thread of the program that tells layers");
	return {"memory", PlanItem::State::open, "rings of " + fmt::format("{}", fmt::join(parts, ", ")), ""};
}

} // namespace

std::size_t tracepoint_ring_bytes(const RecordOptions &options, std::size_t cpus)
{
	const std::size_t share = std::bit_floor(kTracepointRings / std::max<std::size_t>(cpus, 1));
	return options.ring_bytes.value_or(std::clamp(share, kSmallestTracepointRing, kLargestTracepointRing));
}

std::size_t switch_ring_bytes(const RecordOptions &options)
{
	const std::size_t share = options.callgraph == CallGraph::none ? kSwitchRing : kSwitchRingWithStacks;
	return options.ring_bytes.value_or(share);
}

std::vector<PlanItem> recording_items(const Plan &plan, const RecordOptions &options, const HostSnapshot &host)
{
	return {time_item(options), file_item(options), memory_item(plan, options, host)};
}

} // namespace neuroperf::collector
