// SPDX-License-Identifier: Apache-2.0
#include "analyzer/gate.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "analyzer/utf8.hpp"

namespace neuroperf::analyzer {

std::string_view to_string(GateOutcome outcome)
{
	switch (outcome) {
	case GateOutcome::pass:
		return "pass";
	case GateOutcome::regression:
		return "regression";
	case GateOutcome::inconclusive:
		return "inconclusive";
	}
	return "inconclusive";
}

namespace {

using LayerKey = std::pair<std::string, std::string>; // name, kind
using Row = std::vector<Cell>;

// A cell as the JSON file would hold it, so that a recording and a file compare equal.
Cell as_stored(const Cell &cell)
{
	if (const auto *real = std::get_if<double>(&cell); real && !std::isfinite(*real))
		return {};
	if (const auto *text = std::get_if<std::string>(&cell))
		return to_valid_utf8(*text);
	return cell;
}

bool equal_terms(const EnergyEstimate &a, const EnergyEstimate &b)
{
	return std::equal(a.terms.begin(), a.terms.end(), b.terms.begin(), b.terms.end(),
			  [](const EnergyTerm &x, const EnergyTerm &y) {
				  return x.operation == y.operation && x.count == y.count && x.pj_each == y.pj_each;
			  });
}

bool equal(const Cell &a, const Cell &b)
{
	const auto *energy_a = std::get_if<EnergyEstimate>(&a);
	const auto *energy_b = std::get_if<EnergyEstimate>(&b);
	if (energy_a && energy_b)
		return energy_a->pj == energy_b->pj && equal_terms(*energy_a, *energy_b);
	if (energy_a || energy_b || a.index() != b.index())
		return false;
	if (const auto *integer = std::get_if<uint64_t>(&a))
		return *integer == std::get<uint64_t>(b);
	if (const auto *real = std::get_if<double>(&a))
		return *real == std::get<double>(b);
	if (const auto *text = std::get_if<std::string>(&a))
		return *text == std::get<std::string>(b);
	return true;
}

bool real_value(const Cell &cell, double *value)
{
	if (const auto *integer = std::get_if<uint64_t>(&cell))
		*value = static_cast<double>(*integer);
	else if (const auto *real = std::get_if<double>(&cell))
		*value = *real;
	else if (const auto *energy = std::get_if<EnergyEstimate>(&cell))
		*value = energy->pj;
	else
		return false;
	return true;
}

void fill_difference(GateRow &row)
{
	const auto *before = std::get_if<uint64_t>(&row.baseline);
	const auto *after = std::get_if<uint64_t>(&row.candidate);
	if (before && after) {
		row.direction = *after > *before ? 1 : *after < *before ? -1 : 0;
		row.difference = std::max(*before, *after) - std::min(*before, *after);
		return;
	}
	double from = 0, to = 0;
	if (!real_value(row.baseline, &from) || !real_value(row.candidate, &to))
		return;
	row.direction = to > from ? 1 : to < from ? -1 : 0;
	row.difference = std::abs(to - from);
}

// A deterministic column and where it stands in each report.
struct SharedColumn {
	Metric metric;
	std::size_t baseline = 0, candidate = 0;
};

struct Layers {
	std::vector<LayerKey> order;
	std::map<LayerKey, std::vector<const Row *>> rows; // several only if one run named two layers alike
};

std::string text_of(const Row &row, int column)
{
	if (column < 0 || static_cast<std::size_t>(column) >= row.size())
		return {};
	const auto *text = std::get_if<std::string>(&row[static_cast<std::size_t>(column)]);
	return text ? to_valid_utf8(*text) : std::string();
}

Cell cell_of(const Row &row, std::size_t column)
{
	return column < row.size() ? as_stored(row[column]) : Cell{};
}

Layers layers_of(const Table &table)
{
	Layers out;
	const int name = table.column("name"), kind = table.column("kind");
	for (const Row &row : table.rows) {
		LayerKey key{text_of(row, name), text_of(row, kind)};
		std::vector<const Row *> &same = out.rows[key];
		if (same.empty())
			out.order.push_back(key);
		same.push_back(&row);
	}
	return out;
}

class Comparison {
public:
	Comparison(const Report &baseline, const Report &candidate) : baseline_(baseline), candidate_(candidate) {}

	GateResult run()
	{
		check_losses();
		check_options();
		compare_totals();
		compare_layers();
		if (result_.values_compared == 0 && result_.reasons.empty())
			doubt("Neither report holds a deterministic metric, so there is nothing to compare.");
		decide();
		return std::move(result_);
	}

private:
	void doubt(std::string sentence) { result_.reasons.push_back(std::move(sentence)); }

	void check_losses()
	{
		if (baseline_.lossy())
			doubt("The baseline lost data, so its counts may be too low.");
		if (candidate_.lossy())
			doubt("The candidate lost data, so its counts may be too low.");
	}

	static std::map<std::string, Cell> options_of(const Report &report)
	{
		std::map<std::string, Cell> out;
		for (const SummaryEntry &entry : report.meta)
			if (entry.metric.key.starts_with("option_"))
				out[to_valid_utf8(entry.metric.key)] = as_stored(entry.value);
		return out;
	}

	void check_options()
	{
		const auto before = options_of(baseline_), after = options_of(candidate_);
		std::set<std::string> keys;
		for (const auto &options : {before, after})
			for (const auto &[key, value] : options)
				keys.insert(key);
		for (const std::string &key : keys) {
			auto from = before.find(key), to = after.find(key);
			const bool same = from != before.end() && to != after.end() && equal(from->second, to->second);
			if (!same)
				doubt(fmt::format(
					"The reports were made with a different {}, so their counts do not mean "
					"the same.",
					key));
		}
	}

	void check_shared(bool in_baseline, bool in_candidate, const Metric &metric, std::string_view where)
	{
		if (in_baseline != in_candidate)
			doubt(fmt::format(
				"Only the {} has {} of {} as a deterministic metric, so it cannot be compared.",
				in_baseline ? "baseline" : "candidate", to_valid_utf8(metric.key), where));
	}

	static const SummaryEntry *deterministic(const Summary &summary, const std::string &key)
	{
		for (const SummaryEntry &entry : summary)
			if (entry.metric.key == key && entry.metric.deterministic)
				return &entry;
		return nullptr;
	}

	void compare_totals()
	{
		for (const SummaryEntry &entry : baseline_.totals) {
			if (!entry.metric.deterministic)
				continue;
			const SummaryEntry *other = deterministic(candidate_.totals, entry.metric.key);
			check_shared(true, other != nullptr, entry.metric, "the totals");
			if (other)
				compare_cells({{}, {}}, entry.metric, as_stored(entry.value), as_stored(other->value));
		}
		for (const SummaryEntry &entry : candidate_.totals)
			if (entry.metric.deterministic && !deterministic(baseline_.totals, entry.metric.key))
				check_shared(false, true, entry.metric, "the totals");
	}

	void compare_layers()
	{
		const Table *before = baseline_.table("layers"), *after = candidate_.table("layers");
		if (!before || before->rows.empty())
			doubt("The baseline has no layers.");
		if (!after || after->rows.empty())
			doubt("The candidate has no layers.");
		if (!before || before->rows.empty() || !after || after->rows.empty())
			return;
		const std::vector<SharedColumn> columns = shared_columns(*before, *after);
		Layers old_layers = layers_of(*before), new_layers = layers_of(*after);
		for (const LayerKey &key : old_layers.order)
			compare_layer(key, old_layers.rows[key], new_layers.rows[key], columns);
		for (const LayerKey &key : new_layers.order)
			if (!old_layers.rows.contains(key))
				add_whole(GateChange::layer_new, key, new_layers.rows[key].size());
	}

	std::vector<SharedColumn> shared_columns(const Table &before, const Table &after)
	{
		std::vector<SharedColumn> out;
		for (std::size_t c = 0; c < before.columns.size(); c++) {
			const Metric &metric = before.columns[c];
			const int other = after.column(metric.key);
			const bool there = other >= 0 && after.columns[static_cast<std::size_t>(other)].deterministic;
			if (metric.key == "name" || metric.key == "kind" || !(metric.deterministic || there))
				continue;
			check_shared(metric.deterministic, there, metric, "the layers");
			if (metric.deterministic && there)
				out.push_back({metric, c, static_cast<std::size_t>(other)});
		}
		for (const Metric &metric : after.columns)
			if (metric.deterministic && metric.key != "name" && metric.key != "kind" &&
			    before.column(metric.key) < 0)
				check_shared(false, true, metric, "the layers");
		return out;
	}

	void compare_layer(const LayerKey &key, std::vector<const Row *> &before, std::vector<const Row *> &after,
			   const std::vector<SharedColumn> &columns)
	{
		// Layers that share a name have no order of their own: pair them by what they counted.
		sort_alike(before, columns, &SharedColumn::baseline);
		sort_alike(after, columns, &SharedColumn::candidate);
		const std::size_t pairs = std::min(before.size(), after.size());
		for (std::size_t i = 0; i < pairs; i++)
			for (const SharedColumn &column : columns)
				compare_cells(key, column.metric, cell_of(*before[i], column.baseline),
					      cell_of(*after[i], column.candidate));
		result_.layers_compared += pairs;
		add_whole(GateChange::layer_missing, key, before.size() - pairs);
		add_whole(GateChange::layer_new, key, after.size() - pairs);
	}

	static void sort_alike(std::vector<const Row *> &rows, const std::vector<SharedColumn> &columns,
			       std::size_t SharedColumn::*place)
	{
		if (rows.size() < 2)
			return;
		std::stable_sort(rows.begin(), rows.end(), [&](const Row *a, const Row *b) {
			for (const SharedColumn &column : columns) {
				double x = -1, y = -1; // absent first
				real_value(cell_of(*a, column.*place), &x);
				real_value(cell_of(*b, column.*place), &y);
				if (x != y)
					return x < y;
			}
			return false;
		});
	}

	void compare_cells(const LayerKey &key, const Metric &metric, const Cell &before, const Cell &after)
	{
		if (is_absent(before) && is_absent(after))
			return;
		result_.values_compared++;
		if (equal(before, after))
			return;
		GateRow row{GateChange::changed, key.first, key.second, metric, before, after, {}, 0};
		fill_difference(row);
		result_.rows.push_back(std::move(row));
	}

	void add_whole(GateChange change, const LayerKey &key, std::size_t times)
	{
		for (std::size_t i = 0; i < times; i++)
			result_.rows.push_back({change, key.first, key.second, {}, {}, {}, {}, 0});
	}

	void decide()
	{
		if (!result_.reasons.empty()) {
			result_.outcome = GateOutcome::inconclusive;
			return;
		}
		if (result_.rows.empty()) {
			result_.outcome = GateOutcome::pass;
			return;
		}
		result_.outcome = GateOutcome::regression;
		std::size_t values = 0, missing = 0, added = 0;
		for (const GateRow &row : result_.rows) {
			values += row.change == GateChange::changed;
			missing += row.change == GateChange::layer_missing;
			added += row.change == GateChange::layer_new;
		}
		if (values)
			doubt(fmt::format("{} of {} compared values {}.", values, result_.values_compared,
					  values == 1 ? "differs" : "differ"));
		if (missing)
			doubt(fmt::format("{} {} of the baseline {} missing.", missing,
					  missing == 1 ? "layer" : "layers", missing == 1 ? "is" : "are"));
		if (added)
			doubt(fmt::format("{} {} new.", added, added == 1 ? "layer is" : "layers are"));
	}

	const Report &baseline_;
	const Report &candidate_;
	GateResult result_;
};

} // namespace

GateResult compare(const Report &baseline, const Report &candidate)
{
	return Comparison(baseline, candidate).run();
}

} // namespace neuroperf::analyzer
