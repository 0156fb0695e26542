// SPDX-License-Identifier: Apache-2.0
// Energy estimated from counted operations and a table of constants (data/energy/*.json).
//
//   energy = sum over operations of count x picojoules of one operation
//
// A layer that told synaptic events is charged for those and for its neuron updates (neurons x calls); its dense MACs
// are then not charged, they are the same work seen otherwise. Any other layer is charged for its MACs (of one call x
// calls) and neuron updates. Spikes are charged where the model has a constant for them. A count that was not told adds
// nothing, and a layer of which nothing was told has no estimate.
//
// All of it is modelled, never measured; scopes of different models are never added.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/report.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

struct OperationCost {
	std::string definition;
	double pj = 0, low_pj = 0, high_pj = 0; // of one operation
};

struct EnergyModel {
	std::string name, title, scope, process, method, source;
	std::map<std::string, OperationCost> operations; // "synaptic_event", "neuron_update", "mac", "spike"
};

// What a layer did, as far as it was told.
struct OperationCounts {
	std::optional<uint64_t> synaptic_events, neuron_updates, macs, spikes;
};

Result<EnergyModel> parse_energy_model(std::string_view json, const std::string &where);
// A built-in model by name, or a model file by path (anything with '/' or ending in .json).
Result<EnergyModel> load_energy_model(const std::string &name_or_path);
std::vector<std::string> built_in_energy_models();
constexpr std::string_view kDefaultEnergyModel = "horowitz-45nm";

// nullopt if no told count has a cost in the model, or the main one (synaptic events, else MACs) has none.
std::optional<EnergyEstimate> estimate_energy(const EnergyModel &model, const OperationCounts &counts);
// Adds b's terms to a's.
void add_energy(EnergyEstimate *a, const EnergyEstimate &b);

} // namespace neuroperf::analyzer
