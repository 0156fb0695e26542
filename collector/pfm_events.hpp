// SPDX-License-Identifier: Apache-2.0
// Events by libpfm4's names, which are the vendors': "skx::INST_RETIRED:ANY_P", "RETIRED_INSTRUCTIONS",
// "perf::CYCLES:k=1". The only part that knows libpfm4. A name without a PMU is searched among those of this machine.
#pragma once

#include <string>
#include <vector>

#include "collector/requested_event.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// not_found: libpfm4 knows no such event on this machine.
Result<RequestedEvent> pfm_event(const std::string &name);

struct PfmPmu {
	std::string name;                // "skx"
	std::vector<std::string> events; // "INST_RETIRED", "INST_RETIRED:ANY_P"; some need more, and cannot be encoded
};

// Those of this machine that are hardware, with all names of their events. An error if libpfm4 cannot be used.
Result<std::vector<PfmPmu>> pfm_pmus();

} // namespace neuroperf::collector
