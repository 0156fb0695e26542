// SPDX-License-Identifier: Apache-2.0
#include "collector/multiplexing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace neuroperf::collector {
namespace {

constexpr uint64_t kMomentNs = 1'000'000;

// These need no counter.
bool always_counts(const PlannedEvent &event)
{
	return event.attr.type == PERF_TYPE_SOFTWARE || event.attr.type == PERF_TYPE_TRACEPOINT;
}

bool is_of_tasks(const Plan &plan)
{
	return plan.target.kind == Target::Kind::program || plan.target.kind == Target::Kind::tasks;
}

bool shares_a_group(const Plan &plan, std::size_t index)
{
	return std::count_if(plan.events.begin(), plan.events.end(),
			     [&](const PlannedEvent &event) { return event.leader == plan.events[index].leader; }) > 1;
}

using TaskOnCpu = std::pair<int, unsigned>;

// How long a task ran on a CPU, as far as any event has seen it: the longest that one counted there.
std::map<TaskOnCpu, uint64_t> seen_on_cpu(const std::vector<EventTimes> &times)
{
	std::map<TaskOnCpu, uint64_t> seen;
	for (const EventTimes &one : times) {
		uint64_t &longest = seen[{one.place.task, one.place.cpu}];
		longest = std::max(longest, one.running_ns);
	}
	return seen;
}

} // namespace

std::vector<EventTimes> times_since(std::vector<EventTimes> now, const std::vector<EventTimes> &earlier)
{
	const auto advance = [](uint64_t *to, uint64_t from) { *to -= std::min(*to, from); };
	for (std::size_t i = 0; i < std::min(now.size(), earlier.size()); i++) {
		advance(&now[i].enabled_ns, earlier[i].enabled_ns);
		advance(&now[i].running_ns, earlier[i].running_ns);
	}
	return now;
}

std::vector<MultiplexedEvent> multiplexed_events(const Plan &plan, const std::vector<unsigned> &online_cpus,
						 const std::vector<EventTimes> &times)
{
	std::vector<MultiplexedEvent> totals(plan.events.size());
	const std::map<TaskOnCpu, uint64_t> seen = seen_on_cpu(times);
	std::map<std::pair<std::size_t, int>, uint64_t> enabled; // of tasks: the longest on any CPU, by event and task
	for (const EventTimes &one : times) {
		const auto &[event, task, cpu] = one.place;
		if (event >= plan.events.size() || always_counts(plan.events[event]))
			continue;
		totals[event].counted_ns += one.running_ns;
		if (!is_of_tasks(plan)) {
			totals[event].expected_ns += one.enabled_ns;
		} else if (plan.events[event].cpus == online_cpus) {
			uint64_t &longest = enabled[{event, task}];
			longest = std::max(longest, one.enabled_ns);
		} else { // the task was elsewhere, too
			totals[event].expected_ns += seen.at({task, cpu});
		}
	}
	for (const auto &[of, longest] : enabled)
		totals[of.first].expected_ns += longest;
	std::vector<MultiplexedEvent> found;
	for (std::size_t i = 0; i < totals.size(); i++) {
		totals[i].event = i;
		const uint64_t expected = totals[i].expected_ns;
		if (totals[i].counted_ns < expected - expected / 100 && expected - totals[i].counted_ns > kMomentNs)
			found.push_back(totals[i]);
	}
	return found;
}

MultiplexingNote note_of(const Plan &plan, const MultiplexedEvent &found)
{
	const std::string &name = plan.events[found.event].name;
	if (found.counted_ns == 0)
		return {"never_counted", fmt::format("event {} was never counted: no counter was free for it", name),
			shares_a_group(plan, found.event)
				? "make its group smaller: the counters must hold all of it at once"
				: "record it alone; another tool or the NMI watchdog (kernel.nmi_watchdog) may hold a "
				  "counter"};
	const double share = static_cast<double>(found.counted_ns) / static_cast<double>(found.expected_ns);
	return {"multiplexed",
		fmt::format("event {} was counted {:.3g} % of the time: the CPU has fewer counters than events; its "
			    "samples and counts are too few by that much",
			    name, 100 * share),
		"record fewer events at once"};
}

} // namespace neuroperf::collector
