// SPDX-License-Identifier: Apache-2.0
// Names of perf events that the recording itself does not name (streams, and files of a recorder that was killed).
#pragma once

#include <linux/perf_event.h>

#include <string>

namespace neuroperf::recording {

// As perf would call it: "cycles:u", "cpu-clock", "raw 0x1c2"; modifiers say what is excluded.
std::string event_name(const perf_event_attr &attr);

} // namespace neuroperf::recording
