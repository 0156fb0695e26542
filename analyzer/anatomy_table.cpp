// SPDX-License-Identifier: Apache-2.0
#include "analyzer/anatomy_table.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "analyzer/columns.hpp"
#include "analyzer/state_columns.hpp"

namespace neuroperf::analyzer {
namespace {

void add_rows(const LayerRowSet &set, const SampledParts &sampled, const RecordedStates &recorded, Table *table)
{
	std::vector<const LayerRow *> rows;
	for (const LayerRow &row : set.rows())
		if (row.stats.followed > 0)
			rows.push_back(&row);
	std::stable_sort(rows.begin(), rows.end(), [](const LayerRow *a, const LayerRow *b) {
		return a->stats.states.sum() > b->stats.states.sum();
	});
	for (const LayerRow *row : rows) {
		const CallStats &stats = row->stats;
		const StateTimes &states = stats.states;
		const uint64_t samples = stats.user_samples + stats.kernel_samples;
		std::vector<Cell> cells{row->name, row->kind, stats.followed, states.sum(),
					states[ThreadState::on_cpu]};
		const bool known = sampled.kernel && samples >= kSamplesToApportion;
		const auto part = [&](uint64_t of_samples) -> std::optional<uint64_t> {
			if (!known)
				return {};
			const double share = static_cast<double>(of_samples) / static_cast<double>(samples);
			return std::llround(share * static_cast<double>(states[ThreadState::on_cpu]));
		};
		const std::optional<uint64_t> kernel_ns = part(stats.kernel_samples);
		cells.push_back(
			cell(kernel_ns ? std::optional(states[ThreadState::on_cpu] - *kernel_ns) : std::nullopt));
		cells.push_back(cell(kernel_ns));
		if (sampled.page_faults)
			cells.push_back(cell(part(stats.fault_samples)));
		cells.emplace_back(samples);
		for (std::size_t i = 1; i < kThreadStates; i++)
			if (recorded.has(thread_state(i)))
				cells.emplace_back(states.ns[i]);
		table->rows.push_back(std::move(cells));
	}
}

} // namespace

Table make_anatomy(const LayerRows &rows, const SampledParts &sampled, const RecordedStates &recorded)
{
	using enum Provenance;
	Table table{"anatomy",
		    "Anatomy: the caller's wall time",
		    {text_column("name", "name"), text_column("kind", "kind"), count_column("calls", "calls"),
		     time_column("wall_ns", "wall", measured, false), state_column(ThreadState::on_cpu),
		     time_column("user_ns", "user", apportioned, false),
		     time_column("kernel_ns", "kernel", apportioned, false)},
		    {}};
	if (sampled.page_faults)
		table.columns.push_back(time_column("page_fault_ns", "of it faults", apportioned, false));
	table.columns.push_back(count_column("samples_inside", "samples"));
	append_state_columns(recorded, &table.columns);
	add_rows(rows.inferences, sampled, recorded, &table);
	add_rows(rows.layers, sampled, recorded, &table);
	return table;
}

Table make_cpu_time(const LayerRows &rows, const RecordedStates &recorded)
{
	using enum Provenance;
	Table table{"cpu_time",
		    "CPU time of all threads that worked inside",
		    {text_column("name", "name"),
		     text_column("kind", "kind"),
		     count_column("calls", "calls"),
		     time_column("wall_ns", "wall", measured, false),
		     time_column("cpu_ns", "CPU time", derived, false),
		     time_column("caller_ns", "caller", measured, false),
		     time_column("workers_ns", "workers", derived, false),
		     {"cpus", "CPUs busy", "", Better::neither, derived, false, false}},
		    {}};
	if (!recorded.waits) // nobody knows who woke whom
		return table;
	for (const LayerRowSet *set : {&rows.inferences, &rows.layers})
		for (const LayerRow &row : set->rows()) {
			const StateTimes &states = row.stats.states;
			if (row.stats.followed == 0 || states.sum() == 0)
				continue;
			const uint64_t caller_ns = states[ThreadState::on_cpu] + states[ThreadState::interrupts];
			const uint64_t cpu_ns = caller_ns + states.workers_ns;
			table.rows.push_back({row.name, row.kind, row.stats.followed, states.sum(), cpu_ns, caller_ns,
					      states.workers_ns,
					      static_cast<double>(cpu_ns) / static_cast<double>(states.sum())});
		}
	const auto cpu_of = [](const std::vector<Cell> &row) { return std::get<uint64_t>(row[4]); };
	std::stable_sort(table.rows.begin(), table.rows.end(),
			 [&](const auto &a, const auto &b) { return cpu_of(a) > cpu_of(b); });
	return table;
}

} // namespace neuroperf::analyzer
