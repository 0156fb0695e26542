// SPDX-License-Identifier: Apache-2.0
#include "analyzer/tail_tables.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "analyzer/columns.hpp"

namespace neuroperf::analyzer {
namespace {

constexpr std::array<std::string_view, kThreadStates> kStateNames = {"on CPU", "runnable", "NPU queue",
								     "NPU",    "blocked",  "unknown"};

std::string_view name_of(ThreadState state)
{
	return kStateNames[static_cast<std::size_t>(state)];
}

} // namespace

Table make_tail(const Layers &layers, const Threads &threads, uint64_t begin_ns, bool has_devices)
{
	using enum Provenance;
	Table table{"tail",
		    "Tail: the slowest inferences",
		    {text_column("name", "name"),
		     {"tid", "tid", "", Better::neither, measured, false, false},
		     {"at_ns", "at", "ns", Better::neither, measured, false, false},
		     time_column("wall_ns", "wall", measured, false),
		     time_column("on_cpu_ns", "on CPU", measured, false),
		     time_column("runnable_ns", "runnable", measured, false),
		     time_column("npu_queue_ns", "NPU queue", measured, false),
		     time_column("npu_run_ns", "NPU", measured, false),
		     time_column("blocked_ns", "blocked", measured, false),
		     time_column("unknown_ns", "unknown", measured, false),
		     text_column("mostly", "mostly", derived)},
		    {}};
	for (const SlowCall &call : layers.slow_inferences().slowest_first()) {
		const std::string &name = layers.definitions()[call.definition].name;
		std::vector<Cell> row{name, uint64_t{threads.thread(call.thread).tid},
				      call.begin_ns - std::min(begin_ns, call.begin_ns), call.wall_ns};
		if (call.followed) {
			for (const uint64_t ns : call.states.ns)
				row.emplace_back(ns);
			row.emplace_back(std::string(name_of(cause_of(call.states, call.wall_ns / 2))));
		}
		row.resize(table.columns.size());
		table.rows.push_back(std::move(row));
	}
	const auto slowest = layers.slow_inferences().slowest_first();
	const bool followed =
		std::any_of(slowest.begin(), slowest.end(), [](const SlowCall &call) { return call.followed; });
	if (!followed) // nor is it known where context switches were not recorded
		for (const char *key : {"on_cpu_ns", "runnable_ns", "blocked_ns", "unknown_ns", "mostly"})
			table.leave_out(key);
	if (!has_devices || !followed)
		for (const char *key : {"npu_queue_ns", "npu_run_ns"})
			table.leave_out(key);
	return table;
}

Table make_deadline(const Layers &layers, uint64_t deadline_ns, bool has_devices)
{
	using enum Provenance;
	Table table{"deadline",
		    "Deadline",
		    {text_column("name", "name"),
		     time_column("deadline_ns", "deadline", told, false),
		     count_column("calls", "calls"),
		     {"missed", "missed", "count", Better::lower, measured, true, false},
		     {"missed_share", "share", "share", Better::lower, derived, false, false},
		     {"by_on_cpu", "by on CPU", "count", Better::lower, derived, true, false},
		     {"by_runnable", "by runnable", "count", Better::lower, derived, true, false},
		     {"by_npu_queue", "by NPU queue", "count", Better::lower, derived, true, false},
		     {"by_npu_run", "by NPU", "count", Better::lower, derived, true, false},
		     {"by_blocked", "by blocked", "count", Better::lower, derived, true, false},
		     {"by_unknown", "by unknown", "count", Better::lower, derived, true, false}},
		    {}};
	for (const Definition &definition : layers.definitions()) {
		const DeadlineMisses &misses = definition.deadline;
		if (misses.calls == 0)
			continue;
		std::vector<Cell> row{definition.name, deadline_ns, misses.calls, misses.missed,
				      static_cast<double>(misses.missed) / static_cast<double>(misses.calls)};
		for (const uint64_t count : misses.by_cause)
			row.emplace_back(count);
		table.rows.push_back(std::move(row));
	}
	if (!has_devices) {
		table.leave_out("by_npu_queue");
		table.leave_out("by_npu_run");
	}
	return table;
}

} // namespace neuroperf::analyzer
