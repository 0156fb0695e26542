// SPDX-License-Identifier: Apache-2.0
// The recordings of the ranks of one run (`mpirun -n N neuroperf record -o run.%r.data ...`) as one report.
//
// Recordings are analysed one after the other, so memory is that of the largest one; of each stay its figures, its
// exchange's ends, and one number a layer. Layers of the same name and kind are one; percentiles come from merged
// histograms.
//
// Clocks: recordings of one boot of one kernel (by boot id; else of one host name) share CLOCK_MONOTONIC. Those of
// other hosts are compared by the ends of collective calls (collectives.hpp); without any their times are not put
// together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/rank_tables.hpp"
#include "analyzer/report_builder.hpp"

namespace neuroperf::analyzer {

// What a recording's header says of where it comes from.
struct RankIdentity {
	std::string path, host, boot_id; // empty where not told
	std::string target;              // what ran already and was recorded; empty: a program of its own
	std::optional<uint64_t> rank;
	uint64_t file_bytes = 0;
};
Result<RankIdentity> identify_rank(const std::string &path);

// Same clock for sure.
bool same_host(const RankIdentity &a, const RankIdentity &b);

// In the order of their ranks; where any has no rank or two have the same, in the order given, numbered from 0.
// False: that was so.
bool number_ranks(std::vector<RankIdentity> *ranks);

// Clocks of all ranks against the first one's. `quality` gets what there is to say.
void align_clocks(const std::vector<RankIdentity> &ranks, const std::vector<CollectiveEnds> &ends,
		  std::vector<RankFigures> *figures, std::vector<QualityItem> *quality);

// Errors: a recording cannot be read at all, or an option is wrong.
Result<Report> make_ranks_report(const std::vector<std::string> &paths, const ReportOptions &options);

} // namespace neuroperf::analyzer
