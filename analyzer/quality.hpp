// SPDX-License-Identifier: Apache-2.0
// What a reader must know before believing the report: losses, fallbacks, absences, our own overhead; worst first.
#pragma once

#include <nlohmann/json.hpp>

#include <vector>

#include "analyzer/analysis.hpp"
#include "analyzer/layer_tables.hpp"
#include "analyzer/report.hpp"
#include "analyzer/symbolizer.hpp"

namespace neuroperf::analyzer {

struct QualityInputs {
	const recording::PerfDataReader &reader;
	const nlohmann::ordered_json &private_section; // null when perf wrote the file
	const Analysis &analysis;
	const LayerTotals &layers;
	const NamedStacks &stacks;
	const Symbolizer &symbolizer;
	bool has_energy_model;
};

std::vector<QualityItem> assess_quality(const QualityInputs &inputs);

} // namespace neuroperf::analyzer
