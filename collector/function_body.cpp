// SPDX-License-Identifier: Apache-2.0
#include "collector/function_body.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "collector/probed_instruction.hpp"

namespace neuroperf::collector {
namespace {

class Body {
public:
	Body(uint16_t elf_machine, Code code)
		: x86_(elf_machine == EM_X86_64), code_(code),
		  disassembler_(x86_ ? CS_ARCH_X86 : CS_ARCH_ARM64, x86_ ? CS_MODE_64 : CS_MODE_LITTLE_ENDIAN)
	{
	}

	// Calls `visit(offset, instruction)` until one cannot be decoded; whether all could.
	template <typename Visit> bool each(Visit visit)
	{
		for (std::size_t offset = 0; offset < code_.size();) {
			const cs_insn *insn = disassembler_.at(code_, offset);
			if (!insn)
				return false;
			visit(offset, *insn);
			offset += insn->size;
		}
		return true;
	}

	bool returns(const cs_insn &insn) const { return in_group(insn, {CS_GRP_RET}); }
	// capstone 4 takes calls of arm64 for jumps.
	bool calls(const cs_insn &insn) const
	{
		return x86_ ? in_group(insn, {CS_GRP_CALL}) : insn.id == ARM64_INS_BL || insn.id == ARM64_INS_BLR;
	}
	bool jumps(const cs_insn &insn) const { return in_group(insn, {CS_GRP_JUMP}) && !calls(insn); }
	// From the first byte of the code; empty: nobody knows where.
	std::optional<int64_t> jump_target(const cs_insn &insn) const
	{
		if (x86_) {
			const cs_x86 &detail = insn.detail->x86;
			return detail.op_count == 1 && detail.operands[0].type == X86_OP_IMM
				       ? std::optional(detail.operands[0].imm)
				       : std::nullopt;
		}
		const cs_arm64 &detail = insn.detail->arm64;
		const auto &last = detail.operands[detail.op_count > 0 ? detail.op_count - 1 : 0];
		return detail.op_count > 0 && last.type == ARM64_OP_IMM ? std::optional(last.imm) : std::nullopt;
	}

private:
	bool x86_;
	Code code_;
	Disassembler disassembler_;
};

bool is_known(uint16_t elf_machine)
{
	return elf_machine == EM_X86_64 || elf_machine == EM_AARCH64;
}

Error unknown_machine(uint16_t elf_machine)
{
	return {ErrorCode::unsupported, fmt::format("cannot read code for ELF machine {}", elf_machine), 0, ""};
}

Error not_decodable()
{
	return {ErrorCode::format, "its code cannot be decoded", 0, ""};
}

// A function and the parts of it that lie elsewhere.
class WholeFunction {
public:
	WholeFunction(uint16_t elf_machine, const PartAt &part_at) : machine_(elf_machine), part_at_(part_at) {}

	Result<std::vector<uint64_t>> exits(uint64_t offset, Code code)
	{
		parts_.push_back({offset, std::string(code.begin(), code.end())});
		for (std::size_t i = 0; i < parts_.size(); i++) // reading one may find others
			if (const Status status = read(CodePart(parts_[i])); !status.ok())
				return status.error();
		if (exits_.empty())
			return Error{ErrorCode::not_found, "it does not return", 0, ""};
		std::sort(exits_.begin(), exits_.end());
		return std::move(exits_);
	}

private:
	static constexpr std::size_t kMostParts = 32;

	Status read(const CodePart &part)
	{
		Body body(machine_, {reinterpret_cast<const uint8_t *>(part.code.data()), part.code.size()});
		std::optional<uint64_t> away;
		const bool whole = body.each([&](std::size_t at, const cs_insn &insn) {
			if (body.returns(insn)) {
				exits_.push_back(part.offset + at);
			} else if (body.jumps(insn) && !away) {
				const auto target = body.jump_target(insn);
				if (!target || !is_part(part.offset + static_cast<uint64_t>(*target)))
					away = part.offset + at;
			}
		});
		if (!whole)
			return not_decodable();
		if (away)
			return Error{ErrorCode::not_found,
				     fmt::format("it is also left by a jump, at {:+}, behind which its end is not seen",
						 static_cast<int64_t>(*away - parts_[0].offset)),
				     0, ""};
		return Done{};
	}

	bool is_part(uint64_t offset)
	{
		const auto is_inside = [&](const CodePart &part) { return offset - part.offset < part.code.size(); };
		if (std::any_of(parts_.begin(), parts_.end(), is_inside))
			return true;
		if (parts_.size() == kMostParts)
			return false;
		auto part = part_at_(offset);
		if (!part || !is_inside(*part))
			return false;
		parts_.push_back(std::move(*part));
		return true;
	}

	uint16_t machine_;
	const PartAt &part_at_;
	std::vector<CodePart> parts_; // the first is the function itself
	std::vector<uint64_t> exits_;
};

// Addresses that are computed relative to the code, which is visited from its begin on.
class AddressesTaken {
public:
	AddressesTaken(uint16_t elf_machine, uint64_t address) : x86_(elf_machine == EM_X86_64), address_(address) {}

	std::optional<uint64_t> next(std::size_t offset, const cs_insn &insn)
	{
		return x86_ ? x86(offset, insn) : arm64(offset, insn);
	}

private:
	std::optional<uint64_t> x86(std::size_t offset, const cs_insn &insn) const
	{
		const cs_x86 &detail = insn.detail->x86;
		if (insn.id != X86_INS_LEA || detail.op_count != 2 || detail.operands[1].mem.base != X86_REG_RIP)
			return std::nullopt;
		return address_ + offset + insn.size + static_cast<uint64_t>(detail.operands[1].mem.disp);
	}

	std::optional<uint64_t> arm64(std::size_t offset, const cs_insn &insn)
	{
		const cs_arm64 &detail = insn.detail->arm64;
		const auto number = [&](int operand) {
			const int reg = detail.operands[operand].reg - ARM64_REG_X0;
			return reg >= 0 && reg < 29 ? std::optional<std::size_t>(reg) : std::nullopt;
		};
		if (insn.id == ARM64_INS_ADR && detail.op_count == 2)
			return static_cast<uint64_t>(detail.operands[1].imm) + address_;
		if (insn.id == ARM64_INS_ADRP && detail.op_count == 2 && number(0))
			registers_[*number(0)] = ((address_ + offset) & ~uint64_t{0xfff}) +
						 static_cast<uint64_t>(detail.operands[1].imm) -
						 (offset & ~uint64_t{0xfff});
		if (insn.id == ARM64_INS_ADD && detail.op_count == 3 && number(0) && number(1) &&
		    registers_[*number(1)] != 0 && detail.operands[2].type == ARM64_OP_IMM)
			return registers_[*number(0)] =
				       registers_[*number(1)] + static_cast<uint64_t>(detail.operands[2].imm);
		return std::nullopt;
	}

	bool x86_;
	uint64_t address_;
	std::array<uint64_t, 32> registers_{}; // arm64: what adrp and add left in x0 to x28
};

// What an instruction writes to memory, other than to the stack.
struct Stored {
	int64_t offset; // behind a register, or negative: elsewhere
	uint64_t bytes;
};

std::optional<Stored> stored_x86(const cs_insn &insn)
{
	const cs_x86 &detail = insn.detail->x86;
	const cs_x86_op &to = detail.operands[0];
	if (detail.op_count < 2 || to.type != X86_OP_MEM)
		return std::nullopt;
	if (to.mem.base == X86_REG_RSP || (to.mem.base == X86_REG_RBP && to.mem.disp < 0)) // its own frame
		return std::nullopt;
	return Stored{to.mem.base == X86_REG_RIP ? -1 : to.mem.disp, to.size};
}

std::optional<Stored> stored_arm64(const cs_insn &insn)
{
	const cs_arm64 &detail = insn.detail->arm64;
	const bool pair = insn.id == ARM64_INS_STP;
	const cs_arm64_op &to = detail.operands[pair ? 2 : 1];
	const bool stores = pair || insn.id == ARM64_INS_STR || insn.id == ARM64_INS_STUR;
	if (!stores || detail.op_count < (pair ? 3 : 2) || to.type != ARM64_OP_MEM || to.mem.base == ARM64_REG_SP)
		return std::nullopt;
	const auto reg = detail.operands[0].reg;
	const bool is_word = reg == ARM64_REG_WZR || (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30);
	const bool is_vector = reg >= ARM64_REG_Q0 && reg <= ARM64_REG_Q31;
	const uint64_t bytes = is_word ? 4 : is_vector ? 16 : 8;
	return Stored{to.mem.disp, pair ? 2 * bytes : bytes};
}

constexpr uint64_t kLargestElement = 65536;

} // namespace

Result<std::vector<uint64_t>> exits_of(uint16_t elf_machine, uint64_t offset, std::span<const uint8_t> code,
				       const PartAt &part_at)
{
	if (!is_known(elf_machine))
		return unknown_machine(elf_machine);
	return WholeFunction(elf_machine, part_at).exits(offset, code);
}

Result<std::vector<uint64_t>> behind_calls_of(uint16_t elf_machine, std::span<const uint8_t> code)
{
	if (!is_known(elf_machine))
		return unknown_machine(elf_machine);
	Body body(elf_machine, code);
	std::vector<uint64_t> places;
	const bool whole = body.each([&](std::size_t offset, const cs_insn &insn) {
		if (body.calls(insn) && offset + insn.size < code.size())
			places.push_back(offset + insn.size);
	});
	if (!whole)
		return not_decodable();
	return places;
}

std::vector<uint64_t> addresses_taken(uint16_t elf_machine, std::span<const uint8_t> code, uint64_t address)
{
	std::vector<uint64_t> found;
	if (!is_known(elf_machine))
		return found;
	AddressesTaken taken(elf_machine, address);
	Body(elf_machine, code).each([&](std::size_t offset, const cs_insn &insn) {
		if (const auto one = taken.next(offset, insn))
			found.push_back(*one);
	});
	return found;
}

Result<uint64_t> bytes_filled_in(uint16_t elf_machine, std::span<const uint8_t> code, uint64_t address, uint64_t array)
{
	if (!is_known(elf_machine))
		return unknown_machine(elf_machine);
	AddressesTaken taken(elf_machine, address);
	Body body(elf_machine, code);
	std::optional<uint64_t> begin; // as the code takes it: without optimisation that of each field
	uint64_t end = 0;
	bool does_more = false;
	const bool whole = body.each([&](std::size_t offset, const cs_insn &insn) {
		if (const auto one = taken.next(offset, insn))
			begin = *one;
		does_more |= body.jumps(insn) || body.calls(insn);
		const auto stored = elf_machine == EM_X86_64 ? stored_x86(insn) : stored_arm64(insn);
		if (!stored)
			return;
		does_more |= !begin || *begin - array >= kLargestElement || stored->offset < 0;
		if (!does_more)
			end = std::max(end, *begin - array + static_cast<uint64_t>(stored->offset) + stored->bytes);
	});
	if (!whole)
		return not_decodable();
	if (does_more || end == 0)
		return Error{ErrorCode::not_found, "it does not just fill in an element", 0, ""};
	return end;
}

} // namespace neuroperf::collector
