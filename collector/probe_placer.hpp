// SPDX-License-Identifier: Apache-2.0
// Where in a function of somebody else's program a uprobe goes: safe first, cheap second.
//
// The kernel emulates a few instructions under a probe and single-steps the others out of line, which in a virtual
// machine costs 35 times as much (every step is an exit). So the probe goes to the first emulated instruction that
// every call passes exactly once, with the arguments still in their registers. What is emulated: branch_setup_xol_ops()
// and push_setup_xol_ops() in arch/x86/kernel/uprobes.c; arm_probe_decode_insn() in
// arch/arm64/kernel/probes/decode-insn.c. What is refused there is refused here, and more, where kernels differ.
//
// Linux 6.18 turns a probed 5-byte nop into a call, which writes below the stack pointer: fatal for a function that
// keeps data there (the red zone of x86-64). Such a nop is taken only where nothing can lie there yet, or where the
// function is shown not to use it.
//
// Assumes that the code is that of a whole function, entered at its first byte by a call (or a tail call from
// elsewhere), and that nobody but the branches in the given code jumps into its straight line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "recording/result.hpp"

namespace neuroperf::collector {

// Cheapest first.
enum class ProbeCost {
	call,     // a nop that the kernel turns into a call
	emulated, // a trap, and the kernel does what the instruction would
	stepped,  // a trap, and the instruction is single-stepped out of line
	agent,    // no probe: the agent inside the program tells it (collector/agent/)
};
std::string_view to_string(ProbeCost cost);

struct ProbeWish {
	// Bit i: argument register i (rdi rsi rdx rcx r8 r9; x0 to x7) must still hold the argument.
	uint8_t live_arguments = 0;
	// A return probe is wanted: the return address must be where the call left it, at the stack pointer or in x30.
	bool for_return = false;
	// The code is what a call returns to, and may be jumped to from elsewhere: more hits than calls do no harm.
	bool behind_call = false;
	bool wide_nops_are_calls = false; // x86, Linux 6.18: 5-byte nops become calls
	// x86: false for kernels before 6.18, which emulate `nop` and `data16 nop` and step the longer ones.
	bool wide_nops_are_emulated = true;
};

constexpr int32_t kPushedUnknown = INT32_MIN; // the stack pointer was aligned before: only the program knows

struct ProbePoint {
	uint64_t offset = 0; // from the function's start
	ProbeCost cost = ProbeCost::stepped;
	// How far the stack pointer is below its value at entry; negative behind a call whose arguments on the stack
	// are taken away; may be kPushedUnknown.
	int32_t pushed_bytes = 0;
	std::string instruction; // for people: "push rbp"
};

// `code` begins with the function's first byte and is as much as is known of it; of more than 4 KiB the first 4 KiB
// count. An error if no place is safe: format (no code, or not decodable), not_found (every place is refused),
// unsupported (another machine than x86-64 and aarch64).
Result<ProbePoint> place_probe(uint16_t elf_machine, std::span<const uint8_t> code, const ProbeWish &wish);

} // namespace neuroperf::collector
