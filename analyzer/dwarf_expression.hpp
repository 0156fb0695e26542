// SPDX-License-Identifier: Apache-2.0
// Evaluates the DWARF expressions that call frame information uses: PLT entries, signal trampolines, realigned stacks.
//
// The expression is hostile: steps and stack are bounded, what is unknown fails it. Operators that need debugging
// information, a frame base or pieces have no meaning here.
#pragma once

#include <cstdint>
#include <string_view>

#include "recording/unwind_state.hpp"

namespace neuroperf::analyzer {

using recording::CapturedStack;
using recording::UnwindRegisters;

struct ExpressionContext {
	const UnwindRegisters &registers;
	const CapturedStack &stack;
	uint64_t bias = 0; // run-time address minus address in the file
};

// The topmost value after `code` ran; `initial` is pushed first if not nullptr. False if it cannot be told.
bool evaluate_expression(std::string_view code, const ExpressionContext &context, const uint64_t *initial,
			 uint64_t *result);

} // namespace neuroperf::analyzer
