// SPDX-License-Identifier: Apache-2.0
#include "collector/probe_placer.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "collector/probed_instruction.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostCode = 4096;

// What has happened between the entry and an instruction.
struct Past {
	uint8_t arguments_written = 0;
	bool return_address_moved = false;
	bool memory_written = false;
	bool pushed_known = true;
	int64_t pushed = 0, least_pushed = 0;

	void add(const Instruction &instruction)
	{
		arguments_written |= instruction.arguments_written;
		return_address_moved |= instruction.moves_return_address;
		memory_written |= instruction.writes_memory;
		pushed += std::clamp<int64_t>(instruction.pushed.value_or(0), INT32_MIN, INT32_MAX);
		pushed_known = pushed_known && instruction.pushed && pushed >= least_pushed && pushed <= INT32_MAX;
	}
	int32_t pushed_bytes() const { return pushed_known ? static_cast<int32_t>(pushed) : kPushedUnknown; }
};

class ProbePlacer {
public:
	ProbePlacer(bool x86, Code code, const ProbeWish &wish)
		: x86_(x86), code_(code), wish_(wish),
		  disassembler_(x86 ? CS_ARCH_X86 : CS_ARCH_ARM64, x86 ? CS_MODE_64 : CS_MODE_LITTLE_ENDIAN)
	{
	}

	Result<ProbePoint> place()
	{
		const std::set<uint64_t> targets =
			x86_ ? x86_branch_targets(disassembler_, code_) : arm64_branch_targets(code_);
		if (targets.contains(0) && !wish_.behind_call)
			return none("its first instruction is jumped to from inside, so a probe would count more than "
				    "calls");
		walk(targets);
		if (best_)
			return *best_;
		if (first_refusal_.empty())
			return Error{ErrorCode::format, "the code at the function's entry cannot be decoded", 0, ""};
		return none(first_refusal_);
	}

private:
	// From the entry as far as every call goes once. What comes after a place that is jumped to runs again, too.
	void walk(const std::set<uint64_t> &targets)
	{
		Past past;
		past.least_pushed = wish_.behind_call ? INT32_MIN + 1 : 0;
		const auto is_entry = [&](std::size_t offset) { return offset == 0 && wish_.behind_call; };
		for (std::size_t offset = 0; is_entry(offset) || !targets.contains(offset);) {
			const std::optional<Instruction> instruction = decode(offset);
			if (!instruction)
				return;
			const std::string_view refusal = refusal_of(*instruction, offset, past);
			if (refusal.empty())
				offer({offset, instruction->cost, past.pushed_bytes(), instruction->text});
			else if (first_refusal_.empty())
				first_refusal_ = fmt::format("'{}' at +{} {}", instruction->text, offset, refusal);
			if (instruction->ends_path)
				return;
			const auto target = targets.upper_bound(offset);
			if (target != targets.end() && *target < offset + instruction->size)
				return; // jumped into, past a prefix
			past.add(*instruction);
			offset += instruction->size;
		}
	}
	std::optional<Instruction> decode(std::size_t offset)
	{
		const cs_insn *insn = disassembler_.at(code_, offset);
		if (!insn)
			return {};
		return x86_ ? x86_instruction(disassembler_, *insn, wish_) : arm64_instruction(disassembler_, *insn);
	}
	// Why not here; empty if here is fine.
	std::string_view refusal_of(const Instruction &instruction, std::size_t offset, const Past &past)
	{
		if (instruction.kernel_refuses)
			return "is not one that kernels safely probe";
		if (instruction.ends_path && instruction.cost == ProbeCost::stepped && offset != 0)
			return "leaves the function";
		if (past.arguments_written & wish_.live_arguments)
			return "comes after an argument is overwritten";
		if (wish_.for_return && past.return_address_moved)
			return "comes after the return address is moved";
		if (instruction.becomes_call && past.memory_written &&
		    x86_may_use_red_zone(disassembler_, code_)) // decoding done: `instruction` is a copy
			return "would become a call, over data below the stack pointer";
		return {};
	}
	void offer(ProbePoint point)
	{
		if (!best_ || point.cost < best_->cost)
			best_ = std::move(point);
	}
	static Error none(const std::string &reason)
	{
		return {ErrorCode::not_found, "the function has no safe place for a probe: " + reason, 0, ""};
	}

	bool x86_;
	Code code_;
	ProbeWish wish_;
	Disassembler disassembler_;
	std::optional<ProbePoint> best_;
	std::string first_refusal_;
};

} // namespace

std::string_view to_string(ProbeCost cost)
{
	switch (cost) {
	case ProbeCost::call:
		return "call";
	case ProbeCost::emulated:
		return "emulated";
	case ProbeCost::stepped:
		return "stepped";
	case ProbeCost::agent:
		return "agent";
	}
	return "?";
}

Result<ProbePoint> place_probe(uint16_t elf_machine, std::span<const uint8_t> code, const ProbeWish &wish)
{
	if (elf_machine != EM_X86_64 && elf_machine != EM_AARCH64)
		return Error{ErrorCode::unsupported,
			     fmt::format("cannot place probes in code for ELF machine {}", elf_machine), 0, ""};
	if (code.empty())
		return Error{ErrorCode::format, "no code of the function is known", 0, ""};
	return ProbePlacer(elf_machine == EM_X86_64, code.first(std::min(code.size(), kMostCode)), wish).place();
}

} // namespace neuroperf::collector
