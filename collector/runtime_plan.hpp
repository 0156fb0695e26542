// SPDX-License-Identifier: Apache-2.0
// Which runtimes are looked into, what their probes may cost, and whether by the agent.
#pragma once

#include <vector>

#include "collector/host.hpp"
#include "collector/options.hpp"
#include "collector/plan.hpp"
#include "collector/runtime_description.hpp"

namespace neuroperf::collector {

// Adds the runtimes to look for, if BPF programs may be loaded here.
void plan_runtimes(std::vector<RuntimeDescription> runtimes, const RecordOptions &options, const HostSnapshot &host,
		   Plan *plan);

} // namespace neuroperf::collector
