// SPDX-License-Identifier: Apache-2.0
#include "analyzer/tail_tables.hpp"

#include <algorithm>
#include <string>

#include "analyzer/columns.hpp"
#include "analyzer/state_columns.hpp"

namespace neuroperf::analyzer {

Table make_tail(const Layers &layers, const Threads &threads, uint64_t begin_ns, const RecordedStates &recorded)
{
	using enum Provenance;
	const auto slowest = layers.slow_inferences().slowest_first();
	// Where context switches were not recorded nobody knows.
	const bool followed =
		std::any_of(slowest.begin(), slowest.end(), [](const SlowCall &call) { return call.followed; });
	Table table{"tail",
		    "Tail: the slowest inferences",
		    {text_column("name", "name"),
		     {"tid", "tid", "", Better::neither, measured, false, false},
		     {"at_ns", "at", "ns", Better::neither, measured, false, false},
		     time_column("wall_ns", "wall", measured, false)},
		    {}};
	if (followed) {
		table.columns.push_back(state_column(ThreadState::on_cpu));
		append_state_columns(recorded, &table.columns);
		table.columns.push_back(text_column("mostly", "mostly", derived));
	}
	for (const SlowCall &call : slowest) {
		std::vector<Cell> row{layers.definitions()[call.definition].name,
				      uint64_t{threads.thread(call.thread).tid},
				      call.begin_ns - std::min(begin_ns, call.begin_ns), call.wall_ns};
		if (call.followed) {
			for (std::size_t i = 0; i < kThreadStates; i++)
				if (recorded.has(thread_state(i)))
					row.emplace_back(call.states.ns[i]);
			row.emplace_back(std::string(info(cause_of(call.states, call.wall_ns / 2)).name));
		}
		row.resize(table.columns.size());
		table.rows.push_back(std::move(row));
	}
	return table;
}

Table make_deadline(const Layers &layers, uint64_t deadline_ns, const RecordedStates &recorded)
{
	using enum Provenance;
	Table table{"deadline",
		    "Deadline",
		    {text_column("name", "name"),
		     time_column("deadline_ns", "deadline", told, false),
		     count_column("calls", "calls"),
		     {"missed", "missed", "count", Better::lower, measured, true, false},
		     {"missed_share", "share", "share", Better::lower, derived, false, false}},
		    {}};
	for (std::size_t i = 0; i < kThreadStates; i++)
		if (const StateInfo &about = info(thread_state(i)); recorded.has(thread_state(i)))
			table.columns.push_back({"by_" + std::string(about.key), "by " + std::string(about.name),
						 "count", Better::lower, derived, true, false, true});
	for (const Definition &definition : layers.definitions()) {
		const DeadlineMisses &misses = definition.deadline;
		if (misses.calls == 0)
			continue;
		std::vector<Cell> row{definition.name, deadline_ns, misses.calls, misses.missed,
				      static_cast<double>(misses.missed) / static_cast<double>(misses.calls)};
		for (std::size_t i = 0; i < kThreadStates; i++)
			if (recorded.has(thread_state(i)))
				row.emplace_back(misses.by_cause[i]);
		table.rows.push_back(std::move(row));
	}
	return table;
}

} // namespace neuroperf::analyzer
