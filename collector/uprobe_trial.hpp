// SPDX-License-Identifier: Apache-2.0
// Finds out by trying what this kernel makes of a uprobe.
#pragma once

#include "collector/uprobe.hpp"

struct bpf_program;

namespace neuroperf::collector {

// Attaches `program`, which may do nothing, to a five-byte nop in this process for a moment. False if that fails.
//
// `calls` says whether the kernel turns the nop into a call, which costs half of the breakpoint that a one-byte nop
// gets (Linux 6.18 on x86-64). Where it does not, a five-byte nop may be the dearest place of all, single-stepped.
bool try_uprobe(UprobeKind kind, const bpf_program *program, bool *calls);

} // namespace neuroperf::collector
