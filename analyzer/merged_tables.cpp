// SPDX-License-Identifier: Apache-2.0
#include "analyzer/merged_tables.hpp"

#include <algorithm>

namespace neuroperf::analyzer {
namespace {

constexpr std::size_t kMostNames = 4; // one behind the other

std::string names_of(const Table &table, const std::vector<Cell> &row)
{
	std::string names;
	for (std::size_t c = 0; c < table.columns.size() && c < row.size(); c++)
		if (const auto *name = std::get_if<std::string>(&row[c]))
			names += *name + '\0';
	return names;
}

uint64_t count_of(const Cell &cell)
{
	const auto *count = std::get_if<uint64_t>(&cell);
	return count ? *count : 0;
}

std::vector<std::size_t> columns_with(const Table &table, std::string_view unit)
{
	std::vector<std::size_t> columns;
	for (std::size_t c = 0; c < table.columns.size(); c++)
		if (table.columns[c].unit == unit)
			columns.push_back(c);
	return columns;
}

void set_shares(uint64_t samples, Table *table)
{
	const bool of_layer = table->id == "layer_functions";
	for (const std::size_t share : columns_with(*table, "share")) {
		std::map<std::string, uint64_t> in_layer;
		for (const std::vector<Cell> &row : table->rows)
			if (of_layer)
				in_layer[std::get<std::string>(row[0])] += count_of(row[share - 1]);
		for (std::vector<Cell> &row : table->rows) {
			const uint64_t all = of_layer ? in_layer[std::get<std::string>(row[0])] : samples;
			row[share] =
				all ? Cell(static_cast<double>(count_of(row[share - 1])) / static_cast<double>(all))
				    : Cell();
		}
	}
}

void sort_by_counts(Table *table)
{
	const std::vector<std::size_t> counts = columns_with(*table, "count");
	std::stable_sort(table->rows.begin(), table->rows.end(),
			 [&](const std::vector<Cell> &a, const std::vector<Cell> &b) {
				 for (const std::size_t c : counts)
					 if (count_of(a[c]) != count_of(b[c]))
						 return count_of(a[c]) > count_of(b[c]);
				 return false;
			 });
}

std::string names_text(const std::vector<std::string> &names)
{
	std::string text;
	for (std::size_t i = 0; i < names.size() && i < kMostNames; i++)
		text += (i ? ", " : "") + names[i];
	if (names.size() > kMostNames)
		text += " and " + std::to_string(names.size() - kMostNames) + " more";
	return text;
}

Cell merged_cell(const Metric &metric, const std::vector<Cell> &cells)
{
	std::vector<std::string> names;
	bool same = true;
	Cell first, largest;
	for (const Cell &cell : cells) {
		if (is_absent(cell))
			continue;
		if (is_absent(first))
			first = largest = cell;
		same = same && cell == first;
		largest = count_of(cell) > count_of(largest) ? cell : largest;
		if (const auto *name = std::get_if<std::string>(&cell))
			if (std::find(names.begin(), names.end(), *name) == names.end())
				names.push_back(*name);
	}
	if (same)
		return first;
	if (metric.key == "duration_ns")
		return largest;
	if (names.empty())
		return {};
	return metric.key == "recorded_at" ? *std::min_element(names.begin(), names.end()) : names_text(names);
}

} // namespace

void MergedSamples::add(const Table &table)
{
	Merged &merged = by_id_[table.id];
	if (merged.table.id.empty())
		merged.table = {table.id, table.title, table.columns, {}};
	for (const std::vector<Cell> &row : table.rows) {
		const auto [found, is_new] = merged.row_of.try_emplace(names_of(table, row), merged.table.rows.size());
		if (is_new) {
			merged.table.rows.push_back(row);
			continue;
		}
		std::vector<Cell> &sum = merged.table.rows[found->second];
		for (std::size_t c = 0; c < sum.size() && c < row.size(); c++)
			if (table.columns[c].unit == "count")
				add_cell(sum[c], row[c]);
	}
}

std::vector<Table> MergedSamples::tables(uint64_t samples) const
{
	std::vector<Table> tables;
	for (const char *id : {"groups", "callers", "functions", "layer_functions", "events"}) {
		const auto found = by_id_.find(id);
		if (found == by_id_.end())
			continue;
		Table table = found->second.table;
		set_shares(samples, &table);
		if (table.id != "events")
			sort_by_counts(&table);
		tables.push_back(std::move(table));
	}
	return tables;
}

void append_rows(const Table &table, uint64_t rank, Table *all)
{
	if (all->columns.empty()) {
		*all = {table.id, table.title, {}, {}};
		all->columns.push_back({"rank", "rank", "", Better::neither, Provenance::told, false, false});
	}
	for (const Metric &column : table.columns)
		if (all->column(column.key) < 0) {
			// The name goes first, whose it is behind it.
			const auto at = all->columns.size() == 1 ? all->columns.begin() : all->columns.end();
			all->columns.insert(at, column);
			for (std::vector<Cell> &row : all->rows)
				row.emplace_back();
		}
	for (const std::vector<Cell> &row : table.rows) {
		std::vector<Cell> cells(all->columns.size());
		cells[static_cast<std::size_t>(all->column("rank"))] = rank;
		for (std::size_t c = 0; c < row.size() && c < table.columns.size(); c++)
			cells[static_cast<std::size_t>(all->column(table.columns[c].key))] = row[c];
		all->rows.push_back(std::move(cells));
	}
}

Summary merged_meta(const std::vector<Summary> &of_ranks)
{
	std::vector<Metric> metrics;
	std::map<std::string, std::vector<Cell>> cells;
	for (const Summary &meta : of_ranks)
		for (const SummaryEntry &entry : meta) {
			if (!cells.contains(entry.metric.key))
				metrics.push_back(entry.metric);
			cells[entry.metric.key].push_back(entry.value);
		}
	Summary merged;
	for (Metric &metric : metrics)
		merged.push_back({metric, merged_cell(metric, cells[metric.key])});
	return merged;
}

} // namespace neuroperf::analyzer
