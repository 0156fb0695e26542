// SPDX-License-Identifier: Apache-2.0
#include "analyzer/rank_tables.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analyzer/columns.hpp"

namespace neuroperf::analyzer {
namespace {

double begin_ns(const RankFigures &rank)
{
	return static_cast<double>(rank.first_ns) - rank.clock->offset_ns;
}

// Of the ranks whose clocks can be compared.
double earliest_begin_ns(const std::vector<RankFigures> &ranks)
{
	double earliest = INFINITY;
	for (const RankFigures &rank : ranks)
		if (rank.clock)
			earliest = std::min(earliest, begin_ns(rank));
	return earliest;
}

} // namespace

Imbalance imbalance_of(const std::vector<uint64_t> &values)
{
	Imbalance result;
	if (values.empty())
		return result;
	const auto index_of = [&](auto found) { return static_cast<std::size_t>(found - values.begin()); };
	result.least = index_of(std::min_element(values.begin(), values.end()));
	result.most = index_of(std::max_element(values.begin(), values.end()));
	result.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
	if (result.mean > 0)
		result.share = static_cast<double>(values[result.most]) / result.mean - 1;
	return result;
}

Table make_ranks(const std::vector<RankFigures> &ranks)
{
	using enum Provenance;
	Table table{"ranks",
		    "Ranks",
		    {text_column("rank", "rank"),
		     text_column("host", "host"),
		     {"wall_ns", "wall", "ns", Better::lower, measured, false, false},
		     time_column("cpu_ns", "CPU", measured, true),
		     {"inferences", "inferences", "count", Better::lower, measured, true, true},
		     time_column("inference_ns", "in inferences", measured, true),
		     time_column("compute_ns", "computing", measured, true),
		     time_column("exchange_ns", "exchange", measured, true),
		     {"exchange_share", "exchange of wall", "share", Better::lower, derived, false, false},
		     {"spikes", "spikes", "count", Better::lower, measured, true, true},
		     {"lost", "lost", "count", Better::lower, measured, true, false},
		     text_column("quality", "quality"),
		     time_column("begin_ns", "began after", derived, false),
		     time_column("clock_offset_ns", "clock ahead", derived, false),
		     time_column("clock_error_ns", "clock error", derived, false),
		     text_column("recording", "recording")},
		    {}};
	const double earliest_ns = earliest_begin_ns(ranks);
	for (const RankFigures &rank : ranks) {
		const uint64_t wall_ns = rank.last_ns - rank.first_ns;
		Cell share, begin, offset, error;
		if (rank.exchange_ns && wall_ns)
			share = static_cast<double>(*rank.exchange_ns) / static_cast<double>(wall_ns);
		if (rank.clock) {
			begin = begin_ns(rank) - earliest_ns;
			offset = rank.clock->offset_ns;
			error = rank.clock->error_ns;
		}
		table.rows.push_back({rank.rank, rank.host.empty() ? Cell() : Cell(rank.host), wall_ns,
				      cell(rank.cpu_ns), cell(rank.inferences), cell(rank.inference_ns),
				      cell(rank.compute_ns), cell(rank.exchange_ns), share, cell(rank.spikes),
				      rank.lost, std::string(to_string(rank.quality)), begin, offset, error,
				      rank.path});
	}
	return table;
}

void RankLayers::add(std::size_t index, const LayerRowSet &rows)
{
	for (const LayerRow &row : rows.rows()) {
		if (row.stats.timed() == 0)
			continue;
		const auto [found, is_new] = index_.try_emplace({row.name, row.kind}, layers_.size());
		if (is_new)
			layers_.push_back({row.name, row.kind, 0, 0, std::vector<uint64_t>(ranks_)});
		Layer &layer = layers_[found->second];
		layer.calls += row.stats.calls;
		layer.ran_on++;
		layer.self_ns[index] += row.stats.self_ns;
	}
}

Table RankLayers::table(const std::vector<uint64_t> &numbers) const
{
	using enum Provenance;
	Table table{"rank_layers",
		    "Layers over the ranks (self time)",
		    {text_column("name", "name"),
		     text_column("kind", "kind"),
		     {"ranks", "ranks", "count", Better::neither, measured, false, true},
		     {"calls", "calls", "count", Better::lower, measured, true, true},
		     time_column("self_mean_ns", "mean", derived, true),
		     time_column("self_min_ns", "min", measured, false),
		     text_column("min_rank", "fastest"),
		     time_column("self_max_ns", "max", measured, false),
		     text_column("slowest_rank", "slowest"),
		     {"imbalance", "imbalance", "share", Better::lower, derived, false, false}},
		    {}};
	for (const Layer &layer : layers_) {
		const Imbalance spread = imbalance_of(layer.self_ns);
		table.rows.push_back({layer.name, layer.kind, layer.ran_on, layer.calls, spread.mean,
				      layer.self_ns[spread.least], numbers[spread.least], layer.self_ns[spread.most],
				      numbers[spread.most], cell(spread.share)});
	}
	std::stable_sort(table.rows.begin(), table.rows.end(),
			 [](const auto &a, const auto &b) { return std::get<double>(a[4]) > std::get<double>(b[4]); });
	return table;
}

} // namespace neuroperf::analyzer
