// SPDX-License-Identifier: Apache-2.0
// The tables "engines" and "jobs" of the report: what accelerators did, and for which layers.
#pragma once

#include <cstdint>

#include "analyzer/jobs.hpp"
#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

// One row an engine. `duration_ns`: of the recording, for utilisation and depth.
Table make_engines(const Jobs &jobs, const DriverEvents &drivers, uint64_t duration_ns);
// One row a layer and engine, by falling run time; jobs outside of any layer have "(outside of layers)".
Table make_jobs(const Jobs &jobs, const Layers &layers);

} // namespace neuroperf::analyzer
