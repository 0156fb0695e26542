// SPDX-License-Identifier: Apache-2.0
#include "analyzer/anatomy_table.hpp"

#include <algorithm>
#include <cmath>

#include "analyzer/columns.hpp"
#include "analyzer/state_columns.hpp"

namespace neuroperf::analyzer {
namespace {

void add_rows(const LayerRowSet &set, bool samples_kernel, const RecordedStates &recorded, Table *table)
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
		if (samples_kernel && samples >= kSamplesToApportion) {
			const double share = static_cast<double>(stats.kernel_samples) / static_cast<double>(samples);
			const auto kernel_ns = static_cast<uint64_t>(
				std::llround(share * static_cast<double>(states[ThreadState::on_cpu])));
			cells.emplace_back(states[ThreadState::on_cpu] - kernel_ns);
			cells.emplace_back(kernel_ns);
		} else {
			cells.resize(cells.size() + 2);
		}
		cells.emplace_back(samples);
		for (std::size_t i = 1; i < kThreadStates; i++)
			if (recorded.has(thread_state(i)))
				cells.emplace_back(states.ns[i]);
		table->rows.push_back(std::move(cells));
	}
}

} // namespace

Table make_anatomy(const LayerRows &rows, bool samples_kernel, const RecordedStates &recorded)
{
	using enum Provenance;
	Table table{"anatomy",
		    "Anatomy: the caller's wall time",
		    {text_column("name", "name"), text_column("kind", "kind"), count_column("calls", "calls"),
		     time_column("wall_ns", "wall", measured, false), state_column(ThreadState::on_cpu),
		     time_column("user_ns", "user", apportioned, false),
		     time_column("kernel_ns", "kernel", apportioned, false), count_column("samples_inside", "samples")},
		    {}};
	append_state_columns(recorded, &table.columns);
	add_rows(rows.inferences, samples_kernel, recorded, &table);
	add_rows(rows.layers, samples_kernel, recorded, &table);
	return table;
}

} // namespace neuroperf::analyzer
