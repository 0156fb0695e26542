// SPDX-License-Identifier: Apache-2.0
// A recording as text, one record a line, in time order: `neuroperf script`, and the golden format of the tests.
//
//   seconds.nanoseconds pid/tid event name=value ...
//   2452.705381000 1030/1030 neuroperf:layer_begin layer=1
//   2452.706000123 1030/1030 cpu-clock cpu=0 period=1001001 ip=0x55d0 app+0x11f0 step+0x12 < main+0x40
//
// Numbers are decimal but for addresses and offsets. Text from outside is quoted and escaped as in C. "-" stands for a
// time or identity that a record does not have. Fields of tracepoints are decoded by the format text in the file.
#pragma once

#include <functional>
#include <string_view>

#include "analyzer/symbolizer.hpp"
#include "analyzer/time_order.hpp"
#include "recording/reader.hpp"

namespace neuroperf::analyzer {

// Calls `print` with each line, newline included; stops when it returns false. Returns what was met on the way.
StreamCounts print_records(const recording::PerfDataReader &reader, bool demangle,
			   const std::function<bool(std::string_view)> &print);

} // namespace neuroperf::analyzer
