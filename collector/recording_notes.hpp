// SPDX-License-Identifier: Apache-2.0
// What the recorder tells of its sources in the recording: sentences for the report's quality section, and numbers.
#pragma once

#include "collector/launch.hpp"
#include "collector/recorder_log.hpp"
#include "collector/sources.hpp"

namespace neuroperf::collector {

// At the start of each file: what is missing from the start.
void write_opening_notes(const Sources &sources, RecorderLog *log);
// At the end of the recording: what got lost, or was not there in time.
void write_closing_notes(const Sources &sources, const std::vector<ChildProcess> &left_running, RecorderLog *log);
// Cumulative, about once a second.
void write_source_stats(const Sources &sources, RecorderLog *log);

} // namespace neuroperf::collector
