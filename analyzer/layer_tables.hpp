// SPDX-License-Identifier: Apache-2.0
// The tables "layers", "warm_up" and "inferences" of the report, and the totals of what is in them.
#pragma once

#include <cstdint>
#include <map>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/energy.hpp"
#include "analyzer/layers.hpp"
#include "analyzer/report.hpp"
#include "analyzer/sample_filter.hpp"

namespace neuroperf::analyzer {

// A layer before it becomes cells: definitions of the same name and kind are one.
struct LayerRow {
	std::string name, kind;
	CallStats stats;
	OperationCounts counts;
	bool unnamed = false; // events without a definition
};

class LayerRowSet {
public:
	void add(const LayerRow &row);
	void add(const std::string &name, const std::string &kind, const Definition &definition, const CallStats &stats,
		 bool unnamed);
	void add(const LayerRowSet &rows);
	const std::vector<LayerRow> &rows() const { return rows_; } // in the order in which they came
	std::vector<const LayerRow *> sorted() const;               // by falling self time

private:
	LayerRow &row(const std::string &name, const std::string &kind, bool unnamed);

	std::vector<LayerRow> rows_;
	std::map<std::pair<std::string, std::string>, std::size_t> index_;
};

// What the tables are made of. Those of several recordings may be added up first.
struct LayerRows {
	LayerRowSet layers, warm_up, inferences;
	void add(const LayerRows &rows);
};

// Totals over layers; absent where no layer told any.
struct LayerTotals {
	uint64_t calls = 0, self_ns = 0;
	std::optional<uint64_t> spikes, synops, macs;
	std::optional<EnergyEstimate> energy;
	std::size_t layers = 0, without_spikes = 0, without_synops = 0, without_macs = 0, without_energy = 0;
	std::size_t unnamed = 0; // layers with events but without a definition
};

struct LayerTables {
	Table layers;
	Table warm_up; // empty unless something was kept apart
	Table inferences;
	LayerTotals totals;
};

// `group` and `filter` may be null.
LayerRows collect_layer_rows(const Layers &layers, const std::regex *group, const SampleFilter *filter);

// `energy` may be null. `duration_ns`: from the first to the last in-process event, for rates.
LayerTables make_layer_tables(const LayerRows &rows, const EnergyModel *energy, uint64_t duration_ns);

} // namespace neuroperf::analyzer
