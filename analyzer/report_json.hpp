// SPDX-License-Identifier: Apache-2.0
// The report as a JSON file, out and in: schema neuroperf.report/1, data/schema/neuroperf.report-1.schema.json.
//
// One object a row, keyed by the columns' keys in the columns' order; what a key means stands under
// metrics.<table id>.<key> (metrics.totals and metrics.meta for the summaries), as the same key may mean different
// things in two tables. Absent cells and numbers JSON cannot hold are null. Bytes that are not UTF-8 become U+FFFD.
// The flame graph is not part of the file.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/report.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

inline constexpr std::string_view kReportSchema = "neuroperf.report/1";

// Ends with a newline.
std::string render_json(const Report &report);

// What render_json wrote, by whomever it may have been changed since. Errors: format.
Result<Report> read_json_report(std::string_view text);

} // namespace neuroperf::analyzer
