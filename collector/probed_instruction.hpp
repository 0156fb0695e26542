// SPDX-License-Identifier: Apache-2.0
// What an instruction means for a probe on it and for probes behind it, on x86-64 and aarch64: the part of the probe
// placer (probe_placer.hpp) that knows machines.
//
// capstone decodes; what its version 4 gets wrong or does not know (stores that it calls reads, comparisons that it
// says write) is mended here. What the kernel does with an instruction is decided by its bytes, as the kernel decides.
#pragma once

#include <capstone/capstone.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "collector/probe_placer.hpp"

namespace neuroperf::collector {

using Code = std::span<const uint8_t>;

// One instruction, as far as placing cares.
struct Instruction {
	std::size_t size = 0;
	std::string text;
	ProbeCost cost = ProbeCost::stepped;
	bool kernel_refuses = false;
	bool ends_path = false; // not every call comes past it, or something else runs first
	bool becomes_call = false;
	uint8_t arguments_written = 0;
	bool moves_return_address = false;
	bool writes_memory = false; // other than by pushing
	bool moves_stack = false;
	std::optional<int64_t> pushed = 0; // empty: not known
};

// Owns capstone's handle. One thread.
class Disassembler {
public:
	Disassembler(cs_arch architecture, cs_mode mode);
	Disassembler(const Disassembler &) = delete;
	Disassembler &operator=(const Disassembler &) = delete;
	~Disassembler();

	// Valid until the next call; null where no whole instruction is.
	const cs_insn *at(Code code, std::size_t offset);
	// Implied ones too.
	std::vector<uint16_t> written_registers(const cs_insn &insn) const;

private:
	csh handle_ = 0;
	cs_insn *decoded_ = nullptr;
};

std::string text_of(const cs_insn &insn);
bool in_group(const cs_insn &insn, std::initializer_list<int> groups);

Instruction x86_instruction(const Disassembler &disassembler, const cs_insn &insn, const ProbeWish &wish);
Instruction arm64_instruction(const Disassembler &disassembler, const cs_insn &insn);

// Where the branches in the code lead, as offsets in it. A call of the function itself is an entry like any other and
// not among them.
std::set<uint64_t> x86_branch_targets(Disassembler &disassembler, Code code);
std::set<uint64_t> arm64_branch_targets(Code code);

// Whether data may lie below the stack pointer somewhere in the code; false only if shown that none does.
bool x86_may_use_red_zone(Disassembler &disassembler, Code code);

} // namespace neuroperf::collector
