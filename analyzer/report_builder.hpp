// SPDX-License-Identifier: Apache-2.0
// Turns an analysis into the Report: names, tables, totals, energy, and the quality of it all.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "analyzer/analysis.hpp"
#include "analyzer/energy.hpp"
#include "analyzer/report.hpp"
#include "recording/reader.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

struct ReportOptions {
	uint64_t skip_first = 0; // inferences (or calls of layers outside any) that count as warm-up
	std::string group;       // regular expression; layers it matches are added up under what it captured
	std::optional<EnergyModel> energy;
	FilterOptions filter;
	std::string sort;    // keys by which samples are grouped ("process,module"), or a column to order tables by
	std::string callers; // function whose callers are wanted
	bool flame = true;   // make the flame graph
	bool inline_frames = false;
	bool lines = false;
	bool debuginfod = false; // ask the servers of DEBUGINFOD_URLS for debug files
	std::string symbol_root; // where the files of the recorded system are; empty: here
	std::function<void(uint64_t done, uint64_t all)> progress; // bytes of the file
};

// Reads the recording and builds its report. Errors: the file cannot be read at all, or the expression is wrong.
Result<Report> make_report(const std::string &path, const ReportOptions &options);

} // namespace neuroperf::analyzer
