// SPDX-License-Identifier: Apache-2.0
// `neuroperf list events` as text: each event as -e takes it, and what is missing where it is n/a.
//
// Without a filter what is long is counted by PMU or system, and what is n/a as a whole is told in one line.
#pragma once

#include <string>
#include <vector>

#include "collector/event_catalogue.hpp"

namespace neuroperf::viewer {

std::string render_event_list(const std::vector<collector::EventKind> &kinds, const collector::WordFilter &filter);

} // namespace neuroperf::viewer
