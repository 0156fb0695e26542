// SPDX-License-Identifier: Apache-2.0
// Cells as people read them: 1.23 ms, 12,345, 12.3 %, 1.2 k/s, 1.23 uJ (0.20..4.00), n/a.
//
// Three significant digits where a unit is scaled; counts are exact. Text comes out printable (display_text.hpp).
#pragma once

#include <string>

#include "analyzer/report.hpp"

namespace neuroperf::viewer {

// `unicode` chooses between the signs for micro (µ and u), and how names are escaped.
std::string format_cell(const analyzer::Cell &cell, const analyzer::Metric &metric, bool unicode);

// 12,345
std::string format_count(uint64_t value);
// 12.3 %; the part 0..1.
std::string format_share(double part);

} // namespace neuroperf::viewer
