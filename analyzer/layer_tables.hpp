// SPDX-License-Identifier: Apache-2.0
// The tables "layers", "warm_up" and "inferences" of the report, and the totals of what is in them.
#pragma once

#include <cstdint>
#include <regex>

#include "analyzer/energy.hpp"
#include "analyzer/layers.hpp"
#include "analyzer/report.hpp"
#include "analyzer/sample_filter.hpp"

namespace neuroperf::analyzer {

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

// `group` and `filter` may be null. `duration_ns`: from the first to the last in-process event, for rates.
LayerTables make_layer_tables(const Layers &layers, const std::regex *group, const SampleFilter *filter,
			      const EnergyModel *energy, uint64_t duration_ns);

} // namespace neuroperf::analyzer
