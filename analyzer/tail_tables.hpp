// SPDX-License-Identifier: Apache-2.0
// The tables "tail" and "deadline" of the report: the slowest inferences, and how many missed a deadline, and why.
#pragma once

#include <cstdint>

#include "analyzer/layers.hpp"
#include "analyzer/report.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

// `begin_ns`: of the recording. States that were not recorded have no columns.
Table make_tail(const Layers &layers, const Threads &threads, uint64_t begin_ns, const RecordedStates &recorded);
// One row an inference; without rows if there are none.
Table make_deadline(const Layers &layers, uint64_t deadline_ns, const RecordedStates &recorded);

} // namespace neuroperf::analyzer
