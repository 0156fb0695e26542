// SPDX-License-Identifier: Apache-2.0
#include "analyzer/energy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "analyzer/built_in_data.hpp"

namespace neuroperf::analyzer {
namespace {

constexpr std::size_t kMaxModelFile = 1 << 20;
constexpr const char *kOperations[] = {"synaptic_event", "neuron_update", "mac", "spike"};

using nlohmann::json;

Error model_error(const std::string &where, const std::string &what)
{
	return {ErrorCode::format, fmt::format("energy model {}: {}", where, what), 0,
		"see data/schema/neuroperf.energy-1.schema.json for what a model file holds"};
}

bool read_cost(const json &from, OperationCost *cost)
{
	if (!from.is_object() || !from.contains("definition") || !from["definition"].is_string())
		return false;
	cost->definition = from["definition"].get<std::string>();
	for (const auto &[key, value] :
	     {std::pair("pj", &cost->pj), {"low_pj", &cost->low_pj}, {"high_pj", &cost->high_pj}}) {
		if (!from.contains(key) || !from[key].is_number())
			return false;
		*value = from[key].get<double>();
		if (!std::isfinite(*value) || *value < 0)
			return false;
	}
	return cost->low_pj <= cost->pj && cost->pj <= cost->high_pj;
}

} // namespace

Result<EnergyModel> parse_energy_model(std::string_view text, const std::string &where)
{
	const json root = json::parse(text, nullptr, false);
	if (!root.is_object())
		return model_error(where, "not a JSON object");
	EnergyModel model;
	if (root.value("schema", json()) != "neuroperf.energy/1")
		return model_error(where, "its \"schema\" is not \"neuroperf.energy/1\"");
	for (const auto &[key, value] : {std::pair("name", &model.name),
					 {"title", &model.title},
					 {"scope", &model.scope},
					 {"process", &model.process},
					 {"method", &model.method},
					 {"source", &model.source}}) {
		if (!root.contains(key) || !root[key].is_string() || root[key].get<std::string>().empty())
			return model_error(where, fmt::format("\"{}\" is missing or not a text", key));
		*value = root[key].get<std::string>();
	}
	if (!root.contains("operations") || !root["operations"].is_object() || root["operations"].empty())
		return model_error(where, "\"operations\" is missing or empty");
	for (const auto &[operation, cost] : root["operations"].items()) {
		if (std::find(std::begin(kOperations), std::end(kOperations), operation) == std::end(kOperations))
			return model_error(
				where, fmt::format("\"{}\" is no operation (synaptic_event, neuron_update, mac, spike)",
						   operation));
		if (!read_cost(cost, &model.operations[operation]))
			return model_error(where, fmt::format("\"{}\" needs a definition and pj, low_pj, high_pj with "
							      "0 <= low_pj <= pj <= high_pj",
							      operation));
	}
	return model;
}

Result<EnergyModel> load_energy_model(const std::string &name_or_path)
{
	for (const BuiltInFile &file : built_in_energy_files())
		if (file.name == name_or_path)
			return parse_energy_model(file.text, name_or_path);
	if (name_or_path.find('/') == name_or_path.npos && !name_or_path.ends_with(".json")) {
		std::string names;
		for (const std::string &name : built_in_energy_models())
			names += (names.empty() ? "" : ", ") + name;
		return Error{ErrorCode::not_found, fmt::format("there is no energy model {}", name_or_path), 0,
			     fmt::format("models: {}, none; or the path of a model file", names)};
	}
	std::ifstream file(name_or_path, std::ios::binary);
	std::string text(kMaxModelFile, '\0');
	file.read(text.data(), static_cast<std::streamsize>(text.size()));
	if (file.gcount() == 0)
		return Error{ErrorCode::io, fmt::format("cannot read the energy model {}", name_or_path), 0, ""};
	text.resize(static_cast<std::size_t>(file.gcount()));
	return parse_energy_model(text, name_or_path);
}

std::vector<std::string> built_in_energy_models()
{
	std::vector<std::string> names;
	for (const BuiltInFile &file : built_in_energy_files())
		names.emplace_back(file.name);
	return names;
}

std::optional<EnergyEstimate> estimate_energy(const EnergyModel &model, const OperationCounts &counts)
{
	const auto has_cost = [&](const char *operation) { return model.operations.contains(operation); };
	if ((counts.synaptic_events && !has_cost("synaptic_event")) ||
	    (!counts.synaptic_events && counts.macs && !has_cost("mac")))
		return std::nullopt; // the rest alone would pass for the whole
	std::optional<EnergyEstimate> estimate;
	const auto charge = [&](const char *operation, const std::optional<uint64_t> &count) {
		const auto cost = model.operations.find(operation);
		if (!count || cost == model.operations.end())
			return;
		if (!estimate)
			estimate.emplace();
		add_energy(&*estimate,
			   {static_cast<double>(*count) * cost->second.pj,
			    static_cast<double>(*count) * cost->second.low_pj,
			    static_cast<double>(*count) * cost->second.high_pj,
			    {{operation, *count, cost->second.pj, cost->second.low_pj, cost->second.high_pj}}});
	};
	charge("synaptic_event", counts.synaptic_events);
	charge("neuron_update", counts.neuron_updates);
	if (!counts.synaptic_events)
		charge("mac", counts.macs);
	charge("spike", counts.spikes);
	return estimate;
}

void add_energy(EnergyEstimate *a, const EnergyEstimate &b)
{
	a->pj += b.pj;
	a->low_pj += b.low_pj;
	a->high_pj += b.high_pj;
	for (const EnergyTerm &term : b.terms) {
		const auto same = std::find_if(a->terms.begin(), a->terms.end(), [&](const EnergyTerm &mine) {
			return mine.operation == term.operation;
		});
		if (same == a->terms.end())
			a->terms.push_back(term);
		else
			same->count += term.count;
	}
}

} // namespace neuroperf::analyzer
