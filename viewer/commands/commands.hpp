// SPDX-License-Identifier: Apache-2.0
// The commands: what the command line asked, and one function each that does it and returns the exit code.
// Parsing is in viewer/cli.cpp; each function is in the file of its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "analyzer/energy.hpp"
#include "analyzer/sample_filter.hpp"
#include "collector/options.hpp"
#include "viewer/render/terminal.hpp"

namespace neuroperf::viewer {

constexpr std::string_view kDefaultRecording = "neuroperf.data";

struct RecordCommand {
	collector::RecordOptions options;
	// As typed; record_options.hpp puts them into `options`.
	std::string processes, threads, cpus, ring, duration, max_size, switch_output;
	std::optional<std::string> callgraph;
	bool callgraph_fp = false;
	bool quiet = false, verbose = false, dry_run = false;
};

// Which recording, and how to look at it: report and export.
struct ReportInput {
	std::string path{kDefaultRecording};
	uint64_t skip_first = 0;
	std::string group;
	std::string energy_model{analyzer::kDefaultEnergyModel};
	analyzer::FilterOptions filter;
	bool inline_frames = false, lines = false, debuginfod = false;
	std::string symbol_root;
	std::vector<std::string> drivers, driver_files;
};

struct ReportCommand {
	ReportInput input;
	std::vector<std::string> recordings; // several: of the ranks of one run; none: that of `input`
	bool json = false;
	std::string output;
	std::size_t top = 20;
	ColourChoice colour = ColourChoice::automatic;
	bool ascii = false;
	bool pager = true;
	std::string sort, callers, deadline;
};

struct ScriptCommand {
	std::string path{kDefaultRecording};
	bool mangled = false; // symbols as they are in the file
};

struct ExportCommand {
	ReportInput input;
	std::string format = "json";    // json, folded, svg
	std::string metric = "samples"; // samples, off-cpu
	std::string output;
};

struct GateCommand {
	std::string baseline, candidate;
	std::size_t top = 20;
	ColourChoice colour = ColourChoice::automatic;
};

struct DoctorCommand {
	bool json = false;
};

struct ImportCommand {
	std::string format = "ftrace", input, output{kDefaultRecording};
	std::vector<std::string> driver_files;
};

struct ListCommand {
	std::string what;    // "runtimes", "drivers", "events", "devices"
	std::string pattern; // of events
	std::string file;
	int pid = 0;
	std::vector<std::string> runtime_files, driver_files;
};

int run_record(const RecordCommand &command);
int run_list(const ListCommand &command);
int run_import(const ImportCommand &command);
int run_doctor(const DoctorCommand &command);
int run_report(const ReportCommand &command);
int run_script(const ScriptCommand &command);
int run_export(const ExportCommand &command);
int run_gate(const GateCommand &command);

} // namespace neuroperf::viewer
