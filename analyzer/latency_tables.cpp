// SPDX-License-Identifier: Apache-2.0
#include "analyzer/latency_tables.hpp"

#include <algorithm>

#include "analyzer/columns.hpp"

namespace neuroperf::analyzer {

Table make_scheduling(const SchedulingLatency &latency, const Threads &threads)
{
	using enum Provenance;
	Table table{"scheduling",
		    "Scheduling latency: from being woken to running",
		    {text_column("name", "name"),
		     {"tid", "tid", "", Better::neither, measured, false, false},
		     count_column("wakeups", "wakeups"),
		     time_column("p50_ns", "p50", measured, false),
		     time_column("p95_ns", "p95", measured, false),
		     time_column("p99_ns", "p99", measured, false),
		     time_column("max_ns", "max", measured, false),
		     time_column("total_ns", "total", measured, false)},
		    {}};
	std::vector<std::pair<uint32_t, const Durations *>> sorted;
	for (const auto &[thread, durations] : latency)
		sorted.emplace_back(thread, &durations);
	std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
		return a.second->max_ns != b.second->max_ns ? a.second->max_ns > b.second->max_ns : a.first < b.first;
	});
	for (const auto &[id, waits] : sorted) {
		const Thread &thread = threads.thread(static_cast<ThreadId>(id));
		table.rows.push_back({thread.name, uint64_t{thread.tid}, waits->count, waits->percentile(0.5),
				      waits->percentile(0.95), waits->percentile(0.99), waits->max_ns,
				      waits->total_ns});
	}
	return table;
}

Table make_pace(const Layers &layers)
{
	using enum Provenance;
	Table table{"pace",
		    "Pace: from one inference's begin to the next one's",
		    {text_column("name", "name"), count_column("periods", "periods"),
		     time_column("p50_ns", "p50", measured, false), time_column("min_ns", "min", measured, false),
		     time_column("p99_ns", "p99", measured, false), time_column("max_ns", "max", measured, false),
		     time_column("jitter_ns", "p99 - p50", derived, false)},
		    {}};
	for (const Definition &definition : layers.definitions()) {
		const Durations &periods = definition.periods.durations;
		if (periods.count < 2)
			continue;
		const uint64_t median = periods.percentile(0.5), late = periods.percentile(0.99);
		table.rows.push_back({definition.name, periods.count, median, periods.min_ns, late, periods.max_ns,
				      late - std::min(median, late)});
	}
	return table;
}

} // namespace neuroperf::analyzer
