// SPDX-License-Identifier: Apache-2.0
// Makes the report that report and export show.
#pragma once

#include "analyzer/report_builder.hpp"
#include "viewer/commands/commands.hpp"

namespace neuroperf::viewer {

Result<analyzer::Report> load_report(const ReportInput &input);

} // namespace neuroperf::viewer
