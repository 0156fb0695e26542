// SPDX-License-Identifier: Apache-2.0
// What goes into a recording before the first event: features, the private section, opening records.
#pragma once

#include <string>

#include "collector/clock.hpp"
#include "collector/host.hpp"
#include "collector/options.hpp"
#include "collector/perf_events.hpp"
#include "collector/plan.hpp"
#include "recording/writer.hpp"

namespace neuroperf::collector {

// `continues`: another file of this recording came before (--switch-output).
recording::WriterOptions make_writer_options(const RecordOptions &options, const std::string &path,
					     const HostSnapshot &host, const Plan &plan, const PerfEvents *events,
					     const ClockMoment &start, bool continues = false);

} // namespace neuroperf::collector
