// SPDX-License-Identifier: Apache-2.0
// How often to sample, and what share of a CPU that takes: by what one sample of the software clock cost when it was
// tried.
#pragma once

#include <string>

#include "collector/host.hpp"
#include "collector/options.hpp"

namespace neuroperf::collector {

// Of a busy CPU, where it is known: of the software clock. In programs, not in the trial.
double sampling_share(const HostSnapshot &host, unsigned frequency_hz);

// Hz: as asked for; unasked, what costs little.
unsigned wanted_frequency(const RecordOptions &options, const HostSnapshot &host);
// As much of it as the kernel allows.
unsigned frequency_to_be_had(const RecordOptions &options, const HostSnapshot &host);

// "; a sample costs 22 to 66 us here: up to 0.7 % of a busy CPU (6.6 % with -F 999)": where the usual frequency would
// cost much.
std::string sample_cost_text(const RecordOptions &options, const HostSnapshot &host);

} // namespace neuroperf::collector
