// SPDX-License-Identifier: Apache-2.0
#include "analyzer/layer_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "analyzer/columns.hpp"

namespace neuroperf::analyzer {
namespace {

template <typename T> void add_to(std::optional<T> *sum, const std::optional<T> &value)
{
	if (value)
		*sum = sum->value_or(T{}) + *value;
}

// Facts are per call; 0 means not told.
std::optional<uint64_t> per_call(uint64_t fact, uint64_t calls)
{
	return fact != 0 ? std::optional(fact * calls) : std::nullopt;
}

OperationCounts counts_of(const Definition &definition, const CallStats &stats)
{
	OperationCounts counts;
	if (stats.told_synops)
		counts.synaptic_events = stats.synops;
	if (stats.told_spikes)
		counts.spikes = stats.spikes;
	counts.neuron_updates = per_call(definition.neurons, stats.calls);
	counts.macs = per_call(definition.macs, stats.calls);
	return counts;
}

// The name a layer is listed under: what the expression captured, else what it matched, else its own.
std::string grouped_name(const std::string &name, const std::regex *group)
{
	std::smatch match;
	if (!group || name.size() > 1024 || !std::regex_search(name, match, *group))
		return name;
	for (std::size_t i = 1; i < match.size(); i++)
		if (match[i].matched)
			return match[i].str();
	return match[0].str();
}

void add_counts(OperationCounts *sum, const OperationCounts &counts)
{
	add_to(&sum->synaptic_events, counts.synaptic_events);
	add_to(&sum->neuron_updates, counts.neuron_updates);
	add_to(&sum->macs, counts.macs);
	add_to(&sum->spikes, counts.spikes);
}

std::vector<Metric> call_columns()
{
	using enum Provenance;
	return {
		{"name", "name", "", Better::neither, told, false, false},
		{"kind", "kind", "", Better::neither, told, false, false},
		{"calls", "calls", "count", Better::lower, measured, true, true},
		{"total_ns", "total", "ns", Better::lower, measured, true, false},
		{"self_ns", "self", "ns", Better::lower, measured, true, false},
		{"share", "share", "share", Better::neither, derived, true, false},
		{"mean_ns", "mean", "ns", Better::lower, derived, false, false},
		{"min_ns", "min", "ns", Better::lower, measured, false, false},
		{"p50_ns", "p50", "ns", Better::lower, measured, false, false},
		{"p95_ns", "p95", "ns", Better::lower, measured, false, false},
		{"p99_ns", "p99", "ns", Better::lower, measured, false, false},
		{"max_ns", "max", "ns", Better::lower, measured, false, false},
		{"probe_cost_ns", "probe cost", "ns", Better::lower, derived, true, false},
		{"self_probe_cost_ns", "in self", "ns", Better::lower, derived, true, false},
	};
}
constexpr std::size_t kCallColumns = 14;

// Where no call went through a probe, nobody wants to know what they cost.
void leave_out_probes(bool any, Table *table)
{
	if (any)
		return;
	table->leave_out("probe_cost_ns");
	table->leave_out("self_probe_cost_ns");
}

bool any_probed(const LayerRowSet &set)
{
	return std::any_of(set.rows().begin(), set.rows().end(),
			   [](const LayerRow &row) { return row.stats.probed > 0; });
}

std::vector<Metric> layer_columns()
{
	using enum Provenance;
	std::vector<Metric> columns = call_columns();
	columns.push_back({"spikes", "spikes", "count", Better::lower, measured, true, true});
	columns.push_back({"spikes_per_s", "spikes/s", "1/s", Better::neither, derived, true, false});
	columns.push_back({"synops", "syn. events", "count", Better::lower, measured, true, true});
	columns.push_back({"macs", "MACs", "count", Better::lower, derived, true, true});
	columns.push_back({"energy", "energy", "pJ", Better::lower, modelled, true, false});
	return columns;
}

std::vector<Cell> call_cells(const LayerRow &row, uint64_t whole_ns)
{
	const CallStats &stats = row.stats;
	std::vector<Cell> cells = {row.name, row.kind, stats.calls};
	if (stats.timed() == 0) {
		cells.resize(kCallColumns);
		return cells;
	}
	const auto percentile = [&](double share) {
		return stats.durations.percentile(share, stats.min_ns, stats.max_ns);
	};
	cells.insert(cells.end(), {stats.total_ns, stats.self_ns});
	cells.push_back(whole_ns == 0 ? Cell()
				      : Cell(static_cast<double>(stats.self_ns) / static_cast<double>(whole_ns)));
	cells.push_back(static_cast<double>(stats.total_ns) / static_cast<double>(stats.timed()));
	cells.insert(cells.end(), {stats.min_ns, percentile(0.50), percentile(0.95), percentile(0.99), stats.max_ns});
	cells.resize(kCallColumns);
	if (stats.probed > 0) {
		cells[kCallColumns - 2] = stats.probe_ns;
		cells[kCallColumns - 1] = stats.self_probe_ns;
	}
	return cells;
}

class LayerTableMaker {
public:
	LayerTableMaker(const EnergyModel *energy, uint64_t duration_ns) : energy_(energy), duration_ns_(duration_ns) {}

	Table make(std::string id, std::string title, const LayerRowSet &set, LayerTotals *totals) const
	{
		Table table{std::move(id), std::move(title), layer_columns(), {}};
		uint64_t whole_ns = 0;
		for (const LayerRow &row : set.rows())
			whole_ns += row.stats.self_ns;
		for (const LayerRow *one : set.sorted()) {
			const LayerRow &row = *one;
			const auto energy = energy_ ? estimate_energy(*energy_, row.counts) : std::nullopt;
			std::vector<Cell> cells = call_cells(row, whole_ns);
			cells.push_back(cell(row.counts.spikes));
			cells.push_back(row.counts.spikes && duration_ns_ != 0
						? Cell(static_cast<double>(*row.counts.spikes) * 1e9 /
						       static_cast<double>(duration_ns_))
						: Cell());
			cells.push_back(cell(row.counts.synaptic_events));
			cells.push_back(cell(row.counts.macs));
			cells.push_back(cell(energy));
			table.rows.push_back(std::move(cells));
			if (totals)
				add(row, energy, totals);
		}
		leave_out_probes(any_probed(set), &table);
		return table;
	}

private:
	static void add(const LayerRow &row, const std::optional<EnergyEstimate> &energy, LayerTotals *totals)
	{
		totals->layers++;
		totals->calls += row.stats.calls;
		totals->self_ns += row.stats.self_ns;
		add_to(&totals->spikes, row.counts.spikes);
		add_to(&totals->synops, row.counts.synaptic_events);
		add_to(&totals->macs, row.counts.macs);
		totals->without_spikes += !row.counts.spikes;
		totals->without_synops += !row.counts.synaptic_events;
		totals->without_macs += !row.counts.macs;
		totals->without_energy += !energy;
		totals->unnamed += row.unnamed;
		if (!energy)
			return;
		if (!totals->energy)
			totals->energy.emplace();
		add_energy(&*totals->energy, *energy);
	}

	const EnergyModel *energy_;
	uint64_t duration_ns_;
};

} // namespace

LayerRow &LayerRowSet::row(const std::string &name, const std::string &kind, bool unnamed)
{
	const auto [found, is_new] = index_.try_emplace({name, kind}, rows_.size());
	if (is_new)
		rows_.push_back({name, kind, {}, {}, unnamed});
	return rows_[found->second];
}

void LayerRowSet::add(const LayerRow &more)
{
	LayerRow &sum = row(more.name, more.kind, more.unnamed);
	sum.stats.merge(more.stats);
	add_counts(&sum.counts, more.counts);
}

void LayerRowSet::add(const std::string &name, const std::string &kind, const Definition &definition,
		      const CallStats &stats, bool unnamed)
{
	if (stats.empty())
		return;
	LayerRow &sum = row(name, kind, unnamed);
	sum.stats.merge(stats);
	add_counts(&sum.counts, counts_of(definition, stats));
}

void LayerRowSet::add(const LayerRowSet &more)
{
	for (const LayerRow &one : more.rows_)
		add(one);
}

std::vector<const LayerRow *> LayerRowSet::sorted() const
{
	std::vector<const LayerRow *> sorted;
	for (const LayerRow &one : rows_)
		sorted.push_back(&one);
	std::stable_sort(sorted.begin(), sorted.end(), [](const LayerRow *a, const LayerRow *b) {
		return std::tie(b->stats.self_ns, a->name) < std::tie(a->stats.self_ns, b->name);
	});
	return sorted;
}

void LayerRows::add(const LayerRows &more)
{
	layers.add(more.layers);
	warm_up.add(more.warm_up);
	inferences.add(more.inferences);
}

LayerRows collect_layer_rows(const Layers &layers, const std::regex *group, const SampleFilter *filter)
{
	LayerRows rows;
	const auto &definitions = layers.definitions();
	for (std::size_t number = 0; number < definitions.size(); number++) {
		const Definition &definition = definitions[number];
		if (definition.what == Definition::What::inference) {
			rows.inferences.add(definition.name, definition.kind, definition, definition.steady, false);
			continue;
		}
		if (filter && !filter->has_layer(definition.name))
			continue;
		const bool unnamed = definition.what != Definition::What::layer;
		const std::string name =
			unnamed ? fmt::format("[layer {}, not defined]", number) : grouped_name(definition.name, group);
		const std::string kind = group && !unnamed && name != definition.name ? "group" : definition.kind;
		rows.layers.add(name, kind, definition, definition.steady, unnamed);
		rows.warm_up.add(name, kind, definition, definition.warm_up, unnamed);
	}
	return rows;
}

LayerTables make_layer_tables(const LayerRows &rows, const EnergyModel *energy, uint64_t duration_ns)
{
	LayerTables tables;
	const LayerTableMaker maker(energy, duration_ns);
	tables.layers = maker.make("layers", "Layers", rows.layers, &tables.totals);
	tables.warm_up = maker.make("warm_up", "Warm-up, not in the figures above", rows.warm_up, nullptr);
	tables.inferences = {"inferences", "Inferences", call_columns(), {}};
	for (const LayerRow *row : rows.inferences.sorted())
		tables.inferences.rows.push_back(call_cells(*row, 0));
	std::erase_if(tables.inferences.columns, [](const Metric &column) { return column.key == "share"; });
	for (std::vector<Cell> &cells : tables.inferences.rows)
		cells.erase(cells.begin() + 5);
	leave_out_probes(any_probed(rows.inferences), &tables.inferences);
	return tables;
}

} // namespace neuroperf::analyzer
