// SPDX-License-Identifier: Apache-2.0
// How a call frame leads to its caller: where its canonical frame address (CFA, the stack pointer before the call) and
// the caller's registers are. The row of a call frame table that covers one address, and the compact form of it that is
// kept.
//
// Expressions are views into the section that they come from, which must outlive the rules.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "recording/unwind_state.hpp"

namespace neuroperf::recording {

struct RegisterRule {
	enum class Kind : uint8_t {
		unspecified,   // as `same`, except for the return address and the stack pointer
		undefined,     // lost
		same,          // as in this frame
		saved,         // in memory at CFA + offset
		cfa_plus,      // CFA + offset
		in_register,   // in register `offset`
		saved_at_expr, // in memory at the expression's value
		value_of_expr, // the expression's value
	};
	Kind kind = Kind::unspecified;
	int64_t offset = 0;
	std::string_view expression; // starts with the CFA on its stack

	bool operator==(const RegisterRule &) const = default;
};

struct CfaRule {
	enum class Kind : uint8_t { none, register_plus, expression };
	Kind kind = Kind::none;
	uint32_t number = 0;
	int64_t offset = 0;
	std::string_view expression;

	bool operator==(const CfaRule &) const = default;
};

// One row of a table, with all registers.
struct CallFrameRow {
	CfaRule cfa;
	std::array<RegisterRule, UnwindRegisters::kCount> registers;
	uint32_t return_register = 0;
	bool signal_frame = false; // its caller was interrupted, it did not call
};

// The same, with the registers that have a rule.
struct UnwindRule {
	struct Register {
		uint32_t number = 0;
		RegisterRule rule;

		bool operator==(const Register &) const = default;
	};

	UnwindRule() = default;
	explicit UnwindRule(const CallFrameRow &row);
	bool operator==(const UnwindRule &) const = default;

	CfaRule cfa;
	uint32_t return_register = 0;
	bool signal_frame = false;
	std::vector<Register> registers;
};

struct UnwindRuleHash {
	std::size_t operator()(const UnwindRule &rule) const;
};

} // namespace neuroperf::recording
