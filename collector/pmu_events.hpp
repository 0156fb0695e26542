// SPDX-License-Identifier: Apache-2.0
// Events of a PMU that sysfs describes: "cpu/event=0x3c,umask=0x1,name=foo/", "msr/tsc/", "uncore_imc/cas_count_read/"
// (all of uncore_imc_0, uncore_imc_1, ...), and a bare word that is the name of a PMU's event ("tsc").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/event_grammar.hpp"
#include "collector/requested_event.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// config, config1, config2, name, period, freq: what a term means without a PMU. False: it is none of these.
// For events with terms but without a PMU too ("cycles/period=1000/").
Result<bool> apply_common_term(const EventTerm &term, RequestedEvent *event);

// One event for each PMU that `pmu` names: exactly, as a pattern (uncore_*), or without the number at its end.
Result<std::vector<RequestedEvent>> pmu_events(const std::string &pmu, const std::vector<EventTerm> &terms,
					       const EventSources &sources);

// A bare word: one event for each PMU that names an event so; empty if none does.
Result<std::vector<RequestedEvent>> named_pmu_events(const std::string &name, const EventSources &sources);

} // namespace neuroperf::collector
