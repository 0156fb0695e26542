// SPDX-License-Identifier: Apache-2.0
#include "collector/probed_instruction.hpp"

namespace neuroperf::collector {
namespace {

uint32_t word_at(Code code, std::size_t offset)
{
	return static_cast<uint32_t>(code[offset]) | static_cast<uint32_t>(code[offset + 1]) << 8 |
	       static_cast<uint32_t>(code[offset + 2]) << 16 | static_cast<uint32_t>(code[offset + 3]) << 24;
}

// `bits` bits of the word from `low` on, with their sign.
int64_t signed_field(uint32_t word, unsigned low, unsigned bits)
{
	const auto value = static_cast<int64_t>((word >> low) & ((1u << bits) - 1));
	return value >= int64_t{1} << (bits - 1) ? value - (int64_t{1} << bits) : value;
}

// What arm64 kernels do with the words of a group. The first line that matches counts; what matches none is stepped.
struct Arm64Group {
	uint32_t mask, value;
	enum Meaning { emulated, emulated_transfer, refused, refused_transfer, stepped } meaning;
};
constexpr Arm64Group kArm64Groups[] = {
	{0xffffffff, 0xd503201f, Arm64Group::emulated},          // nop (older kernels step it)
	{0xfffff01f, 0xd503201f, Arm64Group::stepped},           // hints; see arm64_hint_refused()
	{0x1f000000, 0x10000000, Arm64Group::emulated},          // adr, adrp
	{0x7c000000, 0x14000000, Arm64Group::emulated_transfer}, // b, bl
	{0xff000010, 0x54000000, Arm64Group::emulated_transfer}, // b.cond
	{0x7c000000, 0x34000000, Arm64Group::emulated_transfer}, // cbz, cbnz, tbz, tbnz
	{0xfffffc1f, 0xd61f0000, Arm64Group::emulated_transfer}, // br
	{0xfffffc1f, 0xd63f0000, Arm64Group::emulated_transfer}, // blr
	{0xfffffc1f, 0xd65f0000, Arm64Group::emulated_transfer}, // ret
	{0x1c000000, 0x14000000, Arm64Group::refused_transfer},  // svc, brk, msr, mrs, barriers, retaa, ...
	{0x3b000000, 0x18000000, Arm64Group::refused},           // literal loads: newer kernels refuse them
	{0x3f000000, 0x08000000, Arm64Group::refused_transfer},  // exclusive: a trap between the two breaks the pair
	{0x3b200c00, 0x19000400, Arm64Group::refused_transfer},  // memory copies of several instructions
	{0x1e000000, 0x00000000, Arm64Group::refused_transfer},  // reserved, SME
	{0x1e000000, 0x04000000, Arm64Group::refused},           // SVE: movprfx belongs to the next one
};

Arm64Group::Meaning arm64_meaning(uint32_t word)
{
	for (const Arm64Group &group : kArm64Groups)
		if ((word & group.mask) == group.value)
			return group.meaning;
	return Arm64Group::stepped;
}

unsigned hint_number(uint32_t word)
{
	return (word >> 5) & 0x7f;
}

bool is_hint(uint32_t word)
{
	return (word & 0xfffff01f) == 0xd503201f;
}

// Signs or strips x30: from there on a return probe would put an unsigned address where a signed one is checked.
bool is_pointer_hint(uint32_t word)
{
	const unsigned number = hint_number(word);
	return is_hint(word) && (number == 7 || (number >= 24 && number <= 31));
}

// aarch64_insn_is_steppable_hint(): pointer authentication, bti and nop are; wfe, yield and unknown ones are not.
bool arm64_hint_refused(uint32_t word)
{
	const unsigned number = hint_number(word);
	const bool bti = number == 32 || number == 34 || number == 36 || number == 38;
	return is_hint(word) && number != 0 && !bti && !is_pointer_hint(word);
}

// How far down an instruction that writes sp moves it.
std::optional<int64_t> arm64_pushed(uint32_t word)
{
	const int64_t immediate = static_cast<int64_t>((word >> 10) & 0xfff) << ((word >> 22 & 1) * 12);
	if ((word & 0xff8003ff) == 0xd10003ff) // sub sp, sp, #n
		return immediate;
	if ((word & 0xff8003ff) == 0x910003ff) // add sp, sp, #n
		return -immediate;
	const uint32_t pair = word & 0xff8003e0; // stp and ldp, before or after
	if (pair == 0xa98003e0 || pair == 0xa88003e0 || pair == 0x6d8003e0 || pair == 0x6c8003e0)
		return -8 * signed_field(word, 15, 7);
	if (pair == 0xad8003e0 || pair == 0xac8003e0)
		return -16 * signed_field(word, 15, 7);
	if ((word & 0xffa007e0) == 0xf80007e0) // str and ldr of an x register, before or after
		return -signed_field(word, 12, 9);
	return {};
}

// cmp, cmn, tst: capstone 4 says that they write what they compare.
bool arm64_only_compares(unsigned id)
{
	return id == ARM64_INS_CMP || id == ARM64_INS_CMN || id == ARM64_INS_TST;
}

} // namespace

Instruction arm64_instruction(const Disassembler &disassembler, const cs_insn &insn)
{
	const uint32_t word = word_at({insn.bytes, 4}, 0);
	const Arm64Group::Meaning meaning = arm64_meaning(word);
	const bool emulated = meaning == Arm64Group::emulated || meaning == Arm64Group::emulated_transfer;
	Instruction result;
	result.size = 4;
	result.text = text_of(insn);
	result.cost = emulated ? ProbeCost::emulated : ProbeCost::stepped;
	result.kernel_refuses =
		meaning == Arm64Group::refused || meaning == Arm64Group::refused_transfer || arm64_hint_refused(word);
	result.ends_path = meaning == Arm64Group::emulated_transfer || meaning == Arm64Group::refused_transfer;
	result.moves_return_address = is_pointer_hint(word);
	for (const uint16_t reg : disassembler.written_registers(insn)) {
		if (arm64_only_compares(insn.id))
			break;
		for (unsigned i = 0; i < 8; i++)
			if (reg == ARM64_REG_X0 + i || reg == ARM64_REG_W0 + i)
				result.arguments_written |= static_cast<uint8_t>(1u << i);
		result.moves_stack |= reg == ARM64_REG_SP || reg == ARM64_REG_WSP;
		result.moves_return_address |= reg == ARM64_REG_X30 || reg == ARM64_REG_W30;
	}
	if (result.moves_stack)
		result.pushed = arm64_pushed(word);
	result.moves_return_address |= result.moves_stack;
	return result;
}

std::set<uint64_t> arm64_branch_targets(Code code)
{
	std::set<uint64_t> targets;
	for (std::size_t offset = 0; offset + 4 <= code.size(); offset += 4) {
		const uint32_t word = word_at(code, offset);
		int64_t target = static_cast<int64_t>(offset);
		if ((word & 0x7c000000) == 0x14000000) // b, bl
			target += 4 * signed_field(word, 0, 26);
		else if ((word & 0xff000000) == 0x54000000 || (word & 0x7e000000) == 0x34000000) // b.cond, cbz
			target += 4 * signed_field(word, 5, 19);
		else if ((word & 0x7e000000) == 0x36000000) // tbz
			target += 4 * signed_field(word, 5, 14);
		else
			continue;
		const bool call = (word & 0xfc000000) == 0x94000000;
		if (target >= 0 && !(call && target == 0))
			targets.insert(static_cast<uint64_t>(target));
	}
	return targets;
}

} // namespace neuroperf::collector
