// SPDX-License-Identifier: Apache-2.0
// Parts of the reports of several ranks as those of one report.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

// Tables that count samples (functions, groups, callers, events): rows of the same names are added up. A share stands
// behind the count that it is of, and is computed anew.
class MergedSamples {
public:
	void add(const Table &table);
	// `samples`: of all ranks, what shares are of; those of layer_functions are of their layer.
	std::vector<Table> tables(uint64_t samples) const;

private:
	struct Merged {
		Table table;
		std::unordered_map<std::string, std::size_t> row_of; // by the names
	};
	std::map<std::string, Merged> by_id_;
};

// Adds the rows of one rank's table, whose columns need not be the same, and says in a column "rank" whose they are.
void append_rows(const Table &table, uint64_t rank, Table *all);

// What all ranks say alike, as they say it; names that differ, one behind the other; the first of the times of
// beginning, the longest of durations. Other numbers that differ are absent.
Summary merged_meta(const std::vector<Summary> &of_ranks);

} // namespace neuroperf::analyzer
