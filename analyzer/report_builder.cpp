// SPDX-License-Identifier: Apache-2.0
#include "analyzer/report_builder.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <regex>
#include <set>

#include "analyzer/anatomy_table.hpp"
#include "analyzer/columns.hpp"
#include "analyzer/job_tables.hpp"
#include "analyzer/quality.hpp"
#include "analyzer/stack_tables.hpp"
#include "analyzer/tail_tables.hpp"
#include "recording/private_section.hpp"

namespace neuroperf::analyzer {
namespace {

using nlohmann::ordered_json;

Metric count_metric(const char *key, const char *title, const char *unit, Better better, Provenance provenance,
		    bool deterministic)
{
	return {key, title, unit, better, provenance, true, deterministic};
}

template <typename T> T value_of(const ordered_json &object, const char *key, T otherwise)
{
	if (!object.is_object())
		return otherwise;
	const auto found = object.find(key);
	if (found == object.end())
		return otherwise;
	if constexpr (std::is_same_v<T, std::string>)
		return found->is_string() ? found->get<std::string>() : otherwise;
	else
		return found->is_number_unsigned() ? found->get<T>() : otherwise;
}

std::string joined(const ordered_json &words)
{
	std::string text;
	if (words.is_array())
		for (const ordered_json &word : words)
			if (word.is_string())
				text += (text.empty() ? "" : " ") + word.get<std::string>();
	return text;
}

std::string program_name(const std::string &command)
{
	const std::string first = command.substr(0, command.find(' '));
	return first.substr(first.rfind('/') + 1);
}

std::string recorded_command(const recording::PerfDataReader &reader, const ordered_json &section)
{
	if (const auto target = value_of<std::string>(section, "target", ""); !target.empty())
		return target; // it ran before; a command then only told how long
	if (section.is_object() && section.contains("command"))
		return joined(section["command"]);
	return joined(ordered_json(reader.command_line()));
}

std::string time_text(uint64_t realtime_ns)
{
	if (realtime_ns == 0)
		return {};
	const auto seconds = static_cast<std::time_t>(realtime_ns / 1'000'000'000);
	std::tm parts{};
	::gmtime_r(&seconds, &parts);
	return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", parts);
}

Cell text_or_absent(const std::string &text)
{
	return text.empty() ? Cell() : Cell(text);
}

Summary make_meta(const recording::PerfDataReader &reader, const ordered_json &section, const Analysis &analysis,
		  const ReportOptions &options, bool has_layers)
{
	std::string sampling = value_of<std::string>(section, "sampling", "");
	if (!section.is_object() && analysis.counted_event >= 0)
		sampling = reader.events()[static_cast<std::size_t>(analysis.counted_event)].name;
	Summary meta;
	meta.push_back({text_column("program", "program", Provenance::measured),
			text_or_absent(recorded_command(reader, section))});
	meta.push_back({text_column("recording", "recording", Provenance::measured), reader.path()});
	const std::string version = reader.text_feature(recording::kFeatureVersion); // perf writes its number alone
	const bool is_number = !version.empty() && version[0] >= '0' && version[0] <= '9';
	meta.push_back({text_column("recorded_by", "recorded by", Provenance::measured),
			text_or_absent((is_number ? "perf " : "") + version)});
	meta.push_back({text_column("recorded_at", "recorded at", Provenance::measured),
			text_or_absent(time_text(value_of<uint64_t>(section, "started_realtime_ns", 0)))});
	meta.push_back({text_column("host", "host", Provenance::measured),
			text_or_absent(reader.text_feature(recording::kFeatureHostname))});
	meta.push_back({text_column("kernel", "kernel", Provenance::measured),
			text_or_absent(reader.text_feature(recording::kFeatureOsRelease))});
	meta.push_back({text_column("cpu", "CPU", Provenance::measured),
			text_or_absent(reader.text_feature(recording::kFeatureCpuDescription))});
	meta.push_back({text_column("sampling", "sampling", Provenance::measured), text_or_absent(sampling)});
	const uint64_t frequency = value_of<uint64_t>(section, "frequency_hz", 0);
	meta.push_back({count_metric("frequency_hz", "frequency", "1/s", Better::neither, Provenance::told, false),
			frequency ? Cell(frequency) : Cell()});
	meta.push_back({count_metric("duration_ns", "duration", "ns", Better::lower, Provenance::measured, false),
			analysis.stream.last_ns - analysis.stream.first_ns});
	if (options.energy && has_layers) {
		const EnergyModel &model = *options.energy;
		meta.push_back({text_column("energy_model", "energy model", Provenance::measured), model.name});
		meta.push_back({text_column("energy_scope", "energy scope", Provenance::measured),
				fmt::format("{} ({}): {}", model.scope, model.title, model.method)});
		meta.push_back({text_column("energy_source", "energy source", Provenance::measured), model.source});
	}
	meta.push_back(
		{count_metric("option_skip_first", "skipped first", "count", Better::neither, Provenance::told, false),
		 options.skip_first});
	meta.push_back(
		{text_column("option_group", "grouped by", Provenance::measured), text_or_absent(options.group)});
	const FilterOptions &filter = options.filter;
	const struct {
		const char *key, *title;
		const std::string &value;
	} kFilters[] = {{"option_process", "only process", filter.process},
			{"option_thread", "only thread", filter.thread},
			{"option_time", "only time", filter.time},
			{"option_layer", "only layers", filter.layer},
			{"option_event", "event", filter.event}};
	for (const auto &[key, title, value] : kFilters)
		if (!value.empty())
			meta.push_back({text_column(key, title, Provenance::measured), value});
	return meta;
}

// Every event of the recording that is not our own.
Table make_events(const recording::PerfDataReader &reader, const Analysis &analysis)
{
	using enum Provenance;
	Table table{"events",
		    "Events",
		    {text_column("event", "event", Provenance::measured),
		     text_column("use", "use", Provenance::measured),
		     count_metric("samples", "samples", "count", Better::neither, measured, false)},
		    {}};
	const OwnEvents own(reader);
	for (std::size_t i = 0; i < reader.events().size(); i++) {
		if (own.kind(static_cast<int>(i)))
			continue;
		const bool counted = analysis.counted_event == static_cast<int>(i);
		table.rows.push_back(
			{reader.events()[i].name, counted ? "functions" : "-", analysis.samples_of_event[i]});
	}
	return table;
}

// When a thread was on a CPU: what the filter leaves of it.
void add_on_cpu(const Analysis &analysis, const SampleFilter &filter, Table *table,
		const std::vector<ThreadId> &threads)
{
	using enum Provenance;
	constexpr uint64_t OnCpu::Figures::*kFigures[] = {&OnCpu::Figures::on_cpu_ns, &OnCpu::Figures::switches,
							  &OnCpu::Figures::preempted};
	if (!analysis.has_switches || filter.by_layer()) // it is not known by layer
		return;
	table->columns.push_back(count_metric("on_cpu_ns", "on CPU", "ns", Better::lower, measured, false));
	table->columns.push_back(count_metric("switches", "switches", "count", Better::neither, measured, false));
	table->columns.push_back(count_metric("preempted", "preempted", "count", Better::neither, measured, false));
	for (std::size_t i = 0; i < threads.size(); i++) {
		const bool wanted = filter.has_thread(analysis.threads, threads[i]);
		const auto figures = wanted ? analysis.on_cpu.of(threads[i]) : std::nullopt;
		for (const auto number : kFigures)
			if (figures)
				table->rows[i].emplace_back((*figures).*number);
			else
				table->rows[i].emplace_back();
	}
}

RecordedTime recorded_time(const Analysis &analysis)
{
	RecordedTime time{analysis.stream.last_ns - analysis.stream.first_ns, false};
	if (!analysis.has_switches)
		return time;
	uint64_t on_cpu_ns = 0;
	for (std::size_t i = 0; i < analysis.threads.threads().size(); i++)
		if (const auto figures = analysis.on_cpu.of(static_cast<ThreadId>(i)))
			on_cpu_ns += figures->on_cpu_ns;
	return on_cpu_ns > 0 ? RecordedTime{on_cpu_ns, true} : time;
}

Table make_threads(const Analysis &analysis, const SampleFilter &filter)
{
	using enum Provenance;
	Table table{"threads",
		    "Threads",
		    {text_column("name", "name", Provenance::measured),
		     text_column("process", "process", Provenance::measured),
		     {"pid", "pid", "", Better::neither, measured, false, false},
		     {"tid", "tid", "", Better::neither, measured, false, false},
		     count_metric("samples", "samples", "count", Better::neither, measured, false)},
		    {}};
	std::vector<ThreadId> shown;
	for (std::size_t i = 0; i < analysis.threads.threads().size(); i++) {
		const auto id = static_cast<ThreadId>(i);
		const Thread &thread = analysis.threads.thread(id);
		if (thread.samples == 0 && thread.name.empty())
			continue; // only mentioned: a parent, the recorder
		shown.push_back(id);
		const Process &process = analysis.threads.process(thread.process);
		table.rows.push_back(
			{thread.name, process.name, uint64_t{process.pid}, uint64_t{thread.tid}, thread.samples});
	}
	add_on_cpu(analysis, filter, &table, shown);
	std::stable_sort(table.rows.begin(), table.rows.end(),
			 [](const std::vector<Cell> &a, const std::vector<Cell> &b) {
				 return std::get<uint64_t>(a[4]) > std::get<uint64_t>(b[4]);
			 });
	return table;
}

// Numbers as numbers, text as text, absent ones last.
std::pair<double, std::string> sort_value(const Cell &cell)
{
	if (const auto *number = std::get_if<uint64_t>(&cell))
		return {static_cast<double>(*number), ""};
	if (const auto *number = std::get_if<double>(&cell))
		return {*number, ""};
	if (const auto *energy = std::get_if<EnergyEstimate>(&cell))
		return {energy->pj, ""};
	if (const auto *text = std::get_if<std::string>(&cell))
		return {0, *text};
	return {-1, ""};
}

// What --sort says: keys to group by, or a column.
Result<std::vector<GroupKey>> group_keys(const std::string &sort)
{
	std::vector<GroupKey> keys;
	std::string_view left = sort;
	while (!left.empty()) {
		const auto comma = std::min(left.find(','), left.size());
		GroupKey key;
		if (!parse_group_key(left.substr(0, comma), &key)) {
			if (keys.empty() && comma == left.size())
				return keys; // a column, if any table has it
			return Error{ErrorCode::usage, fmt::format("--sort: no such key: {}", left.substr(0, comma)), 0,
				     "keys: process (comm), thread (tid), module (dso), function (sym), layer; or one "
				     "column"};
		}
		keys.push_back(key);
		left.remove_prefix(std::min(comma + 1, left.size()));
	}
	return keys;
}

// Orders the tables that have the column (by key or title); false if none has it.
bool order_by(const std::string &wanted, std::vector<Table> *tables)
{
	bool found = false;
	for (Table &table : *tables) {
		for (std::size_t i = 0; i < table.columns.size(); i++) {
			if (table.columns[i].key != wanted && table.columns[i].title != wanted)
				continue;
			found = true;
			const bool text = table.columns[i].unit.empty();
			std::stable_sort(table.rows.begin(), table.rows.end(),
					 [&](const std::vector<Cell> &a, const std::vector<Cell> &b) {
						 return text ? sort_value(a[i]) < sort_value(b[i])
							     : sort_value(a[i]) > sort_value(b[i]);
					 });
			break;
		}
	}
	return found;
}

std::optional<std::regex> regex_of(const std::string &text)
{
	if (text.empty())
		return std::nullopt;
	return std::regex(text, std::regex::ECMAScript | std::regex::optimize);
}

Symbolizer::Options symbol_options(const ReportOptions &options)
{
	Symbolizer::Options symbols;
	symbols.inline_frames = options.inline_frames;
	symbols.lines = options.lines;
	symbols.debuginfod = options.debuginfod;
	symbols.root = options.symbol_root;
	return symbols;
}

// Events of drivers come in workers and interrupts, so that those of other processes' jobs are in the recording too.
bool has_others_jobs(const ordered_json &section)
{
	if (!section.is_object() || !section.contains("drivers"))
		return false;
	const auto of_all = section.find("drivers_of_all");
	return of_all == section.end() || *of_all != true;
}

// That one recorder of a host may have for all.
std::set<std::string> host_events(const ordered_json &section)
{
	std::set<std::string> names;
	if (!section.is_object() || !section.contains("host_events") || !section["host_events"].is_array())
		return names;
	for (const ordered_json &name : section["host_events"])
		if (name.is_string())
			names.insert(name.get<std::string>());
	return names;
}

// Nested phases are told apart by self time: exchange inside of exchange counts once.
void add_exchange(const Layers &layers, RecordingReport *result)
{
	for (const Definition &definition : layers.definitions()) {
		if (definition.what != Definition::What::layer)
			continue;
		result->exchange_calls += definition.exchange ? definition.steady.calls : 0;
		if (definition.steady.timed() == 0)
			continue;
		std::optional<uint64_t> &sum = definition.exchange ? result->exchange_ns : result->compute_ns;
		sum = sum.value_or(0) + definition.steady.self_ns;
	}
}

} // namespace

Summary make_totals(uint64_t samples, uint64_t lost, const LayerTotals &layers)
{
	using enum Provenance;
	return {
		{count_metric("samples", "samples", "count", Better::neither, measured, false), samples},
		{count_metric("layer_calls", "layer calls", "count", Better::lower, measured, true), layers.calls},
		{count_metric("layer_self_ns", "time in layers", "ns", Better::lower, measured, false), layers.self_ns},
		{count_metric("spikes", "spikes", "count", Better::lower, measured, true), cell(layers.spikes)},
		{count_metric("synops", "syn. events", "count", Better::lower, measured, true), cell(layers.synops)},
		{count_metric("macs", "MACs", "count", Better::lower, derived, true), cell(layers.macs)},
		{count_metric("energy", "energy", "pJ", Better::lower, modelled, false), cell(layers.energy)},
		{count_metric("lost", "lost", "count", Better::lower, measured, false), lost},
	};
}

Result<RecordingReport> make_recording_report(const std::string &path, const ReportOptions &options)
{
	std::optional<std::regex> group;
	try {
		group = regex_of(options.group);
	} catch (const std::regex_error &error) {
		return Error{ErrorCode::usage, fmt::format("--group: not a regular expression: {}", error.what()), 0,
			     ""};
	}
	const auto filter = SampleFilter::make(options.filter);
	if (!filter.ok())
		return filter.error();
	const auto keys = group_keys(options.sort);
	if (!keys.ok())
		return keys.error();
	const auto reader = recording::PerfDataReader::open(path);
	if (!reader.ok())
		return reader.error();
	Symbolizer symbolizer(symbol_options(options));
	Analysis analysis(options.skip_first, &symbolizer);
	const bool by_thread = std::find(keys->begin(), keys->end(), GroupKey::thread) != keys->end();
	if (options.deadline_ns)
		analysis.layers.set_deadline(*options.deadline_ns);
	analysis.stacks.set_options({by_thread, {options.inline_frames, options.lines}});
	const auto decoded = recording::decode_private_section(reader->private_section());
	const ordered_json section = decoded.ok() ? *decoded : ordered_json();
	AnalysisOptions how{*filter, options.filter.event, options.drivers, has_others_jobs(section),
			    {},      options.symbol_root,  options.off_cpu, host_events(section)};
	if (options.progress)
		how.order.progress = [&](uint64_t done) { options.progress(done, reader->file_size()); };
	if (const Status done = analyze(*reader, how, &analysis); !done.ok())
		return done.error();
	if (options.off_cpu && !analysis.has_switches)
		return Error{ErrorCode::usage,
			     fmt::format("{} does not say when threads left their CPUs and came back", path), 0,
			     "record without --no-switches, and processes rather than the whole machine"};
	const NamedStacks stacks = analysis.stacks.named(program_name(recorded_command(*reader, section)));
	RecordingReport result;
	result.rows =
		collect_layer_rows(analysis.layers, group ? &*group : nullptr, filter->by_layer() ? &*filter : nullptr);
	result.first_ns = analysis.stream.first_ns;
	result.last_ns = analysis.stream.last_ns;
	result.events_ns = analysis.last_event_ns - analysis.first_event_ns;
	add_exchange(analysis.layers, &result);
	result.exchange_ends = std::move(analysis.exchange_ends);
	result.device_states = analysis.device_states->states();
	result.device_values = analysis.device_states->values();
	result.host_events = host_events_share(analysis.recorder_stats, result.first_ns, result.last_ns);
	LayerTables layers =
		make_layer_tables(result.rows, options.energy ? &*options.energy : nullptr, result.events_ns);
	Report &report = result.report;
	report.meta = make_meta(*reader, section, analysis, options, layers.totals.layers > 0);
	report.totals = make_totals(analysis.samples, analysis.lost_samples + analysis.lost_in_process, layers.totals);
	report.quality = assess_quality(
		{*reader, section, analysis, layers.totals, stacks, symbolizer, options.energy.has_value()});
	report.tables.push_back(std::move(layers.layers));
	if (!layers.warm_up.rows.empty())
		report.tables.push_back(std::move(layers.warm_up));
	if (!layers.inferences.rows.empty())
		report.tables.push_back(std::move(layers.inferences));
	const RecordedStates recorded{analysis.has_waits, !analysis.driver_events->sources().empty()};
	const SampledParts sampled{analysis.samples_kernel, analysis.knows_page_faults};
	result.recorded = recorded;
	result.sampled = sampled;
	if (Table anatomy = make_anatomy(result.rows, sampled, recorded); !anatomy.rows.empty())
		report.tables.push_back(std::move(anatomy));
	if (Table cpu_time = make_cpu_time(result.rows, recorded); !cpu_time.rows.empty())
		report.tables.push_back(std::move(cpu_time));
	if (Table tail = make_tail(analysis.layers, analysis.threads, analysis.stream.first_ns, recorded);
	    !tail.rows.empty())
		report.tables.push_back(std::move(tail));
	if (Table pace = make_pace(analysis.layers); !pace.rows.empty())
		report.tables.push_back(std::move(pace));
	if (Table scheduling = make_scheduling(analysis.scheduling, analysis.threads); !scheduling.rows.empty())
		report.tables.push_back(std::move(scheduling));
	if (options.deadline_ns)
		if (Table deadline = make_deadline(analysis.layers, *options.deadline_ns, recorded);
		    !deadline.rows.empty())
			report.tables.push_back(std::move(deadline));
	if (Table runtimes = make_runtimes(analysis.runtimes, recorded_time(analysis)); !runtimes.rows.empty())
		report.tables.push_back(std::move(runtimes));
	const uint64_t duration_ns = analysis.stream.last_ns - analysis.stream.first_ns;
	if (Table engines = make_engines(*analysis.jobs, *analysis.driver_events, duration_ns); !engines.rows.empty())
		report.tables.push_back(std::move(engines));
	for (Table &table : std::array{make_jobs(*analysis.jobs, analysis.layers), make_tasks(*analysis.jobs),
				       make_device_states(analysis.device_states->states(), duration_ns),
				       make_device_values(analysis.device_states->values())})
		if (!table.rows.empty())
			report.tables.push_back(std::move(table));
	if (!keys->empty())
		report.tables.push_back(make_groups(stacks, *keys));
	if (!options.callers.empty())
		report.tables.push_back(make_callers(stacks, options.callers));
	report.tables.push_back(make_functions(stacks));
	if (Table by_layer = make_layer_functions(stacks); !by_layer.rows.empty())
		report.tables.push_back(std::move(by_layer));
	report.tables.push_back(make_threads(analysis, *filter));
	if (Table events = make_events(*reader, analysis); events.rows.size() > 1)
		report.tables.push_back(std::move(events));
	if (options.flame)
		report.flame = make_flame(stacks);
	if (options.off_cpu)
		report.flame.metric = "ns off CPU";
	return result;
}

Status order_by_column(const std::string &sort, std::vector<Table> *tables)
{
	const auto keys = group_keys(sort);
	if (!keys.ok())
		return keys.error();
	if (!sort.empty() && keys->empty() && !order_by(sort, tables))
		return Error{
			ErrorCode::usage, fmt::format("--sort: no such key or column: {}", sort), 0,
			"keys: process (comm), thread (tid), module (dso), function (sym), layer; columns: as in the "
			"tables' headings or in JSON"};
	return Done{};
}

Result<Report> make_report(const std::string &path, const ReportOptions &options)
{
	auto result = make_recording_report(path, options);
	if (!result.ok())
		return result.error();
	if (const Status done = order_by_column(options.sort, &result->report.tables); !done.ok())
		return done.error();
	return std::move(result->report);
}

} // namespace neuroperf::analyzer
