// SPDX-License-Identifier: Apache-2.0
// The tables "ranks" and "rank_layers": one row a rank, and how evenly the time of each layer lies on them.
//
// A mean is over all ranks of the run; one without the layer has spent no time in it. Imbalance is max / mean - 1: what
// share of the mean the others wait for the slowest, where all wait for it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/layer_tables.hpp"
#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

struct RankClock {
	double offset_ns = 0, error_ns = 0; // against the first rank's
};

struct RankFigures {
	uint64_t rank = 0;
	std::string path, host;
	uint64_t first_ns = 0, last_ns = 0; // of its records, by its own clock
	std::optional<uint64_t> cpu_ns, inferences, inference_ns, spikes;
	std::optional<uint64_t> compute_ns, exchange_ns; // self times of layers: of exchange, of all others
	uint64_t lost = 0;
	Severity quality = Severity::info;
	std::optional<RankClock> clock;
};

struct Imbalance {
	double mean = 0;
	std::size_t least = 0, most = 0; // indices; of equals the first
	std::optional<double> share;     // max / mean - 1; nothing where all are 0
};
Imbalance imbalance_of(const std::vector<uint64_t> &values);

Table make_ranks(const std::vector<RankFigures> &ranks);

// Self time of each layer on each rank.
class RankLayers {
public:
	explicit RankLayers(std::size_t ranks) : ranks_(ranks) {}
	void add(std::size_t index, const LayerRowSet &rows);
	// Layers whose calls were timed. `numbers`: of the ranks, by index.
	Table table(const std::vector<uint64_t> &numbers) const;

private:
	struct Layer {
		std::string name, kind;
		uint64_t calls = 0, ran_on = 0;
		std::vector<uint64_t> self_ns; // by index of the rank
	};
	std::size_t ranks_;
	std::vector<Layer> layers_;
	std::map<std::pair<std::string, std::string>, std::size_t> index_;
};

} // namespace neuroperf::analyzer
