// SPDX-License-Identifier: Apache-2.0
// From the texts of `neuroperf record -e` to perf_event_attr, as perf 6.1 does it, and libpfm4's names on top.
//
//   cycles:u  L1-dcache-load-misses  cs        perf's generic names         (generic_events.hpp)
//   r1a8  4:0x1a8                              raw codes; type:config
//   cpu/event=0x3c,umask=1/u  msr/tsc/  tsc    what a PMU in sysfs offers   (pmu_events.hpp)
//   sched:sched_switch  'sched:sched_*'        tracepoints                  (tracepoint_events.hpp)
//   skx::INST_RETIRED:ANY_P                    libpfm4                      (pfm_events.hpp)
//   a,b  {a,b}:u                               lists and groups             (event_grammar.hpp)
//   :ukhGHIpPDeSW                              modifiers                    (event_modifiers.hpp)
//
// A word is looked for in that order. Opens no event; reads sysfs and tracefs only for what is named. All texts are
// foreign: their lengths and counts are bounded.
#pragma once

#include <string>
#include <vector>

#include "collector/requested_event.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// In the order given; each text may hold several events. At most kMaxRequestedEvents, also after patterns like sched:*.
Result<std::vector<EventGroup>> parse_events(const std::vector<std::string> &texts, const EventSources &sources);

} // namespace neuroperf::collector
