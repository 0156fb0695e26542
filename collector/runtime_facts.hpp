// SPDX-License-Identifier: Apache-2.0
// What the recording says of each file in which a runtime was recognised: how much of it was found, hits of its probes
// by class, and what one hit costs (events `runtime` and `runtime_probes` of recording/event_formats.hpp).
#pragma once

#include "collector/recorder_log.hpp"
#include "collector/runtime_probes.hpp"

namespace neuroperf::collector {

// As they are now; to be written again whenever they may have changed.
void write_runtime_facts(const RuntimeProbes &runtimes, RecorderLog *log);

} // namespace neuroperf::collector
