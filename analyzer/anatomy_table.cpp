// SPDX-License-Identifier: Apache-2.0
#include "analyzer/anatomy_table.hpp"

#include <algorithm>
#include <cmath>

#include "analyzer/columns.hpp"

namespace neuroperf::analyzer {
namespace {

void add_rows(const LayerRowSet &set, bool samples_kernel, Table *table)
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
		cells.emplace_back(states[ThreadState::runnable]);
		cells.emplace_back(states[ThreadState::npu_queue]);
		cells.emplace_back(states[ThreadState::npu_run]);
		cells.emplace_back(states[ThreadState::blocked]);
		cells.emplace_back(states[ThreadState::unknown]);
		table->rows.push_back(std::move(cells));
	}
}

} // namespace

Table make_anatomy(const LayerRows &rows, bool samples_kernel, bool has_devices)
{
	using enum Provenance;
	Table table{"anatomy",
		    "Anatomy: the caller's wall time",
		    {text_column("name", "name"), text_column("kind", "kind"), count_column("calls", "calls"),
		     time_column("wall_ns", "wall", measured, false),
		     time_column("on_cpu_ns", "on CPU", measured, false),
		     time_column("user_ns", "user", apportioned, false),
		     time_column("kernel_ns", "kernel", apportioned, false), count_column("samples_inside", "samples"),
		     time_column("runnable_ns", "runnable", measured, false),
		     time_column("npu_queue_ns", "NPU queue", measured, false),
		     time_column("npu_run_ns", "NPU", measured, false),
		     time_column("blocked_ns", "blocked", measured, false),
		     time_column("unknown_ns", "unknown", measured, false)},
		    {}};
	add_rows(rows.inferences, samples_kernel, &table);
	add_rows(rows.layers, samples_kernel, &table);
	if (!has_devices) {
		table.leave_out("npu_queue_ns");
		table.leave_out("npu_run_ns");
	}
	return table;
}

} // namespace neuroperf::analyzer
