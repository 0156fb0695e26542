// SPDX-License-Identifier: Apache-2.0
// Turns an analysis into the Report: names, tables, totals, energy, and the quality of it all.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "analyzer/analysis.hpp"
#include "analyzer/anatomy_table.hpp"
#include "analyzer/energy.hpp"
#include "analyzer/host_events.hpp"
#include "analyzer/layer_tables.hpp"
#include "analyzer/report.hpp"
#include "recording/reader.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

struct ReportOptions {
	uint64_t skip_first = 0; // inferences (or calls of layers outside any) that count as warm-up
	std::string group;       // regular expression; layers it matches are added up under what it captured
	std::optional<EnergyModel> energy;
	FilterOptions filter;
	std::string sort; // keys by which samples are grouped ("process,module"), or a column to order tables by
	std::optional<uint64_t> deadline_ns{}; // that inferences are to meet
	std::string callers;                   // function whose callers are wanted
	bool flame = true;                     // make the flame graph
	bool off_cpu = false;                  // the flame graph is of threads off their CPUs
	bool inline_frames = false;
	bool lines = false;
	bool debuginfod = false;                           // ask the servers of DEBUGINFOD_URLS for debug files
	std::string symbol_root;                           // where the files of the recorded system are; empty: here
	std::vector<recording::DriverDescription> drivers; // whose jobs are followed
	std::function<void(uint64_t done, uint64_t all)> progress; // bytes of the file
};

// Reads the recording and builds its report. Errors: the file cannot be read at all, or the expression is wrong.
Result<Report> make_report(const std::string &path, const ReportOptions &options);

// The same, with what it takes to merge the report with those of other ranks.
struct RecordingReport {
	Report report; // its tables are not ordered by the column of --sort yet
	LayerRows rows;
	SampledParts sampled; // of the anatomy of these rows
	RecordedStates recorded;
	uint64_t first_ns = 0, last_ns = 0; // of the records
	uint64_t events_ns = 0;             // from the first to the last in-process event
	// In exchange between ranks, and in other layers: self times. Absent where no such call was timed.
	std::optional<uint64_t> exchange_ns, compute_ns;
	uint64_t exchange_calls = 0; // timed or not
	CollectiveEnds exchange_ends;
	DeviceStates::AllStates device_states;
	DeviceStates::AllValues device_values;
	std::optional<HostEventsShare> host_events;
};
Result<RecordingReport> make_recording_report(const std::string &path, const ReportOptions &options);

// Orders the tables by the column that --sort names, if it is none of the keys to group by. Error: no table has it.
Status order_by_column(const std::string &sort, std::vector<Table> *tables);

Summary make_totals(uint64_t samples, uint64_t lost, const LayerTotals &layers);

} // namespace neuroperf::analyzer
