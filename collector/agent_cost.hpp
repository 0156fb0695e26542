// SPDX-License-Identifier: Apache-2.0
// What it costs a program that the agent inside tells the begin and the end of a call: probe_cost.hpp, for calls that
// have no probe.
#pragma once

#include <string>

#include "collector/probe_cost.hpp"

namespace neuroperf::collector {

// Loads the agent into the recorder, where it stays, and calls an empty function by way of it a few hundred times. What
// lies between the moments of its begin and its end is taken to be half of one and half of the other. Takes 1 ms. What
// cannot be told stays empty.
void add_agent_cost(const std::string &library, ProbeCosts *costs);

} // namespace neuroperf::collector
