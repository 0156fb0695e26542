// SPDX-License-Identifier: Apache-2.0
// The tables of accelerators in the report: what they did, for which layers, and in which states they were.
#pragma once

#include <cstdint>

#include "analyzer/device_states.hpp"
#include "analyzer/jobs.hpp"
#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

// One row an engine. `duration_ns`: of the recording, for utilisation and depth.
Table make_engines(const Jobs &jobs, const DriverEvents &drivers, uint64_t duration_ns);
// One row a layer and engine, by falling run time; jobs outside of any layer have "(outside of layers)".
Table make_jobs(const Jobs &jobs, const Layers &layers);
// One row a part of jobs (a layer, as the device counts them) and engine.
Table make_tasks(const Jobs &jobs);
// One row a state; and one a value, weighed by time.
Table make_device_states(const DeviceStates::AllStates &states, uint64_t duration_ns);
Table make_device_values(const DeviceStates::AllValues &values);

} // namespace neuroperf::analyzer
