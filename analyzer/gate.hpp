// SPDX-License-Identifier: Apache-2.0
// The gate on deterministic metrics: did the network do the same work as before?
//
// Compares what is equal in equal runs (Metric::deterministic: calls, spikes, synaptic events, MACs) exactly: the
// columns of table "layers", matched by name and kind, and the totals. No tolerance and no statistics, so it never
// raises a false alarm; times are not its business. Either report may come from a file (report_json.hpp) or from a
// recording: names are compared as the file would hold them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

enum class GateOutcome {
	pass,         // everything that can be compared is equal
	regression,   // something differs, or a layer is gone or new
	inconclusive, // the reports cannot answer the question; the reasons say why. Wins over regression
};
std::string_view to_string(GateOutcome outcome);

enum class GateChange { changed, layer_missing, layer_new };

// One difference. Numbers are integers, reals or energy; absent where a side has none.
struct GateRow {
	GateChange change = GateChange::changed;
	std::string layer; // empty: a total of the whole run
	std::string kind;
	Metric metric; // of no meaning for missing and new layers
	Cell baseline, candidate;
	Cell difference;   // its size; absent if a side is absent
	int direction = 0; // sign of candidate - baseline
};

struct GateResult {
	GateOutcome outcome = GateOutcome::inconclusive;
	std::vector<std::string> reasons; // one sentence each; at least one unless the outcome is pass
	std::vector<GateRow> rows;        // totals first, then layers in the baseline's order, new layers last
	std::size_t layers_compared = 0;
	std::size_t values_compared = 0;
};

GateResult compare(const Report &baseline, const Report &candidate);

} // namespace neuroperf::analyzer
