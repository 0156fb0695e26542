// SPDX-License-Identifier: Apache-2.0
// Makes the report that report and export show.
#pragma once

#include "analyzer/report_builder.hpp"
#include "viewer/commands/commands.hpp"

namespace neuroperf::viewer {

// What report and export have in common, as the analyzer takes it.
Result<analyzer::ReportOptions> report_options(const ReportInput &input);
// Reads the recording; a long one is accompanied by a line of progress on standard error.
Result<analyzer::Report> load_report(const std::string &path, analyzer::ReportOptions options);
// Reads the recordings of the ranks of one run.
Result<analyzer::Report> load_ranks_report(const std::vector<std::string> &paths, analyzer::ReportOptions options);

} // namespace neuroperf::viewer
