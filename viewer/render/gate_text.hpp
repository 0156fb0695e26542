// SPDX-License-Identifier: Apache-2.0
// The gate's answer as text: the differences as a table, then the reasons, then one line with the verdict.
#pragma once

#include <string>

#include "analyzer/gate.hpp"
#include "viewer/render/terminal.hpp"

namespace neuroperf::viewer {

// options.top limits the rows of the table; the rest is counted in a line.
std::string render_gate(const analyzer::GateResult &result, const TerminalOptions &options);

} // namespace neuroperf::viewer
