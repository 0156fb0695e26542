// SPDX-License-Identifier: Apache-2.0
#include "analyzer/job_tables.hpp"

#include <algorithm>
#include <cmath>

#include "analyzer/columns.hpp"

namespace neuroperf::analyzer {
namespace {

Metric sum_column(const char *key, const char *title, Better better)
{
	return {key, title, "count", better, Provenance::measured, true, true};
}

// Where starts are inferred, so is what they part.
void add_time_columns(Table *table, Provenance provenance)
{
	table->columns.push_back(time_column("queue_total_ns", "queued", provenance, true));
	table->columns.push_back(time_column("queue_p50_ns", "q. p50", provenance, false));
	table->columns.push_back(time_column("queue_p95_ns", "q. p95", provenance, false));
	table->columns.push_back(time_column("queue_p99_ns", "q. p99", provenance, false));
	table->columns.push_back(time_column("run_total_ns", "ran", provenance, true));
	table->columns.push_back(time_column("run_p50_ns", "ran p50", provenance, false));
	table->columns.push_back(time_column("run_p95_ns", "ran p95", provenance, false));
	table->columns.push_back(time_column("run_p99_ns", "ran p99", provenance, false));
}

void add_times(const Durations &durations, std::vector<Cell> *row)
{
	if (durations.count == 0) {
		row->resize(row->size() + 4);
		return;
	}
	row->emplace_back(durations.total_ns);
	for (const double share : {0.5, 0.95, 0.99})
		row->emplace_back(durations.percentile(share));
}

Cell share_of(uint64_t part_ns, uint64_t whole_ns)
{
	return whole_ns > 0 ? Cell(static_cast<double>(part_ns) / static_cast<double>(whole_ns)) : Cell();
}

Cell device_of(const DeviceStates::Of &of)
{
	if (of.device.empty() && of.engine.empty())
		return Cell();
	return of.device.empty() || of.engine.empty() ? of.device + of.engine : of.device + " " + of.engine;
}

} // namespace

Table make_engines(const Jobs &jobs, const DriverEvents &drivers, uint64_t duration_ns)
{
	using enum Provenance;
	Table table{"engines",
		    "Devices and engines",
		    {text_column("name", "engine", measured),
		     text_column("device", "device", measured),
		     text_column("driver", "driver", measured),
		     text_column("source", "source", measured),
		     text_column("confidence", "starts", measured),
		     sum_column("jobs", "jobs", Better::neither),
		     {"utilisation", "busy", "share", Better::neither, derived, false, false},
		     {"depth_max", "deepest", "count", Better::neither, measured, false, false},
		     {"depth_mean", "mean depth", "count", Better::neither, derived, false, false}},
		    {}};
	add_time_columns(&table, measured);
	table.columns.push_back(sum_column("failed", "failed", Better::lower));
	table.columns.push_back(sum_column("in_flight", "in flight", Better::neither));
	table.columns.push_back(sum_column("stuck", "stuck", Better::lower));
	for (const Engine &engine : jobs.engines()) {
		const JobStats &stats = engine.stats;
		if (stats.jobs + engine.in_flight + engine.stuck == 0)
			continue;
		const LiveSource &source = drivers.sources()[engine.source];
		const bool exact = source.source->exact && stats.inferred == 0;
		std::vector<Cell> row{engine.name.empty() ? Cell() : Cell(engine.name),
				      engine.device.empty() ? Cell() : Cell(engine.device),
				      engine.driver,
				      source.source->name,
				      exact ? "exact" : "inferred",
				      stats.jobs,
				      share_of(engine.busy_ns, duration_ns),
				      engine.deepest,
				      share_of(stats.queue.total_ns + stats.run.total_ns, duration_ns)};
		add_times(stats.queue, &row);
		add_times(stats.run, &row);
		row.insert(row.end(), {stats.failed, engine.in_flight, engine.stuck});
		table.rows.push_back(std::move(row));
	}
	const auto ran = static_cast<std::size_t>(table.column("run_total_ns"));
	std::stable_sort(table.rows.begin(), table.rows.end(), [ran](const auto &a, const auto &b) {
		const auto *of_a = std::get_if<uint64_t>(&a[ran]), *of_b = std::get_if<uint64_t>(&b[ran]);
		return (of_a ? *of_a : 0) > (of_b ? *of_b : 0);
	});
	return table;
}

Table make_tasks(const Jobs &jobs)
{
	using enum Provenance;
	using recording::TaskCount;
	Table table{"tasks",
		    "Parts of jobs",
		    {text_column("engine", "engine", measured), text_column("name", "part", measured),
		     sum_column("tasks", "times", Better::neither), time_column("run_total_ns", "ran", measured, true),
		     time_column("run_p50_ns", "ran p50", measured, false),
		     time_column("run_p95_ns", "ran p95", measured, false),
		     time_column("run_p99_ns", "ran p99", measured, false)},
		    {}};
	constexpr std::pair<TaskCount, const char *> kColumns[] = {{TaskCount::spikes, "spikes"},
								   {TaskCount::macs, "MACs"},
								   {TaskCount::bytes, "bytes"},
								   {TaskCount::cycles, "cycles"}};
	std::vector<std::size_t> shown;
	for (const auto &[count, title] : kColumns) {
		const auto index = static_cast<std::size_t>(count);
		const bool any = std::any_of(jobs.tasks().begin(), jobs.tasks().end(),
					     [&](const auto &task) { return task.second.counts[index].has_value(); });
		if (!any)
			continue;
		shown.push_back(index);
		table.columns.push_back({std::string(recording::to_string(count)), title, "count", Better::neither,
					 measured, true, true});
	}
	for (const auto &[of, stats] : jobs.tasks()) {
		std::vector<Cell> row{jobs.engines()[of.first].name, of.second, stats.tasks};
		add_times(stats.run, &row);
		for (const std::size_t index : shown)
			row.push_back(cell(stats.counts[index]));
		table.rows.push_back(std::move(row));
	}
	return table;
}

Table make_device_states(const DeviceStates::AllStates &states, uint64_t duration_ns)
{
	using enum Provenance;
	Table table{"device_states",
		    "States of devices",
		    {text_column("driver", "driver", measured),
		     text_column("device", "device", measured),
		     text_column("of", "of", measured),
		     text_column("state", "state", measured),
		     sum_column("times", "times", Better::neither),
		     time_column("total_ns", "time", measured, true),
		     {"share", "share", "share", Better::neither, derived, false, false}},
		    {}};
	for (const auto &[of, all] : states)
		for (const auto &[state, stays] : all)
			if (stays.times > 0 || stays.total_ns > 0)
				table.rows.push_back({of.driver, device_of(of), of.quantity, state, stays.times,
						      stays.total_ns, share_of(stays.total_ns, duration_ns)});
	return table;
}

Table make_device_values(const DeviceStates::AllValues &values_of)
{
	using enum Provenance;
	const auto value = [](const char *key, const char *title, Provenance provenance) {
		return Metric{key, title, "count", Better::neither, provenance, false, false};
	};
	Table table{"device_values",
		    "Clocks and other values of devices",
		    {text_column("driver", "driver", measured), text_column("device", "device", measured),
		     text_column("of", "of", measured), text_column("unit", "unit", measured),
		     sum_column("changes", "told", Better::neither), value("min", "min", measured),
		     value("mean", "mean", derived), value("max", "max", measured), value("last", "last", measured)},
		    {}};
	for (const auto &[of, values] : values_of) {
		if (values.known_ns == 0)
			continue;
		table.rows.push_back({of.driver, device_of(of), of.quantity, of.unit.empty() ? Cell() : Cell(of.unit),
				      values.told, values.least, static_cast<uint64_t>(std::llround(values.mean())),
				      values.most, values.last});
	}
	return table;
}

Table make_jobs(const Jobs &jobs, const Layers &layers)
{
	using enum Provenance;
	Table table{"jobs",
		    "Jobs of layers",
		    {text_column("layer", "layer", measured), text_column("engine", "engine", measured),
		     sum_column("jobs", "jobs", Better::neither)},
		    {}};
	add_time_columns(&table, measured);
	table.columns.push_back(sum_column("failed", "failed", Better::lower));
	std::vector<std::pair<uint64_t, std::vector<Cell>>> rows;
	for (const auto &[of, stats] : jobs.by_layer()) {
		const auto &[layer, engine] = of;
		std::vector<Cell> row{layer == 0 ? "(outside of layers)" : layers.definitions()[layer].name,
				      jobs.engines()[engine].name, stats.jobs};
		add_times(stats.queue, &row);
		add_times(stats.run, &row);
		row.emplace_back(stats.failed);
		rows.emplace_back(stats.run.total_ns, std::move(row));
	}
	std::stable_sort(rows.begin(), rows.end(), [](const auto &a, const auto &b) { return a.first > b.first; });
	for (auto &[total, row] : rows)
		table.rows.push_back(std::move(row));
	return table;
}

} // namespace neuroperf::analyzer
