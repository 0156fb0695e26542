// SPDX-License-Identifier: Apache-2.0
// Events by libpfm4's names, which are the vendors': "skx::INST_RETIRED:ANY_P", "RETIRED_INSTRUCTIONS",
// "perf::CYCLES:k=1". The only part that knows libpfm4. A name without a PMU is searched among those of this machine.
#pragma once

#include <string>

#include "collector/requested_event.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// not_found: libpfm4 knows no such event on this machine.
Result<RequestedEvent> pfm_event(const std::string &name);

} // namespace neuroperf::collector
