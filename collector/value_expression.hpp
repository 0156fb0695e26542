// SPDX-License-Identifier: Apache-2.0
// The small language in which runtime descriptions say what to read where a probe is hit (docs/adding-a-runtime.md).
//
//   value  = term { ("+" | "-") number }
//   term   = "arg1" .. "arg6" | number | read "(" value ")"
//   read   = "*" (a pointer) | "u8" | "u16" | "u32" | "u64"
//   string = "c_string" "(" value ")" | "std_string" "(" value ")"
//
// "*(*(arg2+8)+8)" is what a pointer at arg2+8 points to, 8 bytes behind. It becomes fixed steps for a BPF program
// (bpf/runtime_event.h): at most NP_READ_STEPS reads, a smaller one only as the last.
#pragma once

#include <string_view>

#include "bpf/runtime_event.h"
#include "recording/result.hpp"

namespace neuroperf::collector {

// Errors: format, saying what is wrong at which column.
Result<np_read> parse_value(std::string_view text);
Result<np_read> parse_string(std::string_view text);

} // namespace neuroperf::collector
