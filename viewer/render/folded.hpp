// SPDX-License-Identifier: Apache-2.0
// Folded stacks, "program;thread;conv1;gemm 42": what flame graph tools and other viewers read.
//
// The format has no escapes: a ; in a name becomes a colon, control characters and bytes that are not UTF-8 are written
// out (\x0a), kernel frames end in _[k].
#pragma once

#include <string>

#include "analyzer/report.hpp"

namespace neuroperf::viewer {

// One line for each node with samples of its own.
std::string render_folded(const analyzer::Flame &flame);

} // namespace neuroperf::viewer
