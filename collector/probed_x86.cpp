// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <iterator>

#include "collector/probed_instruction.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kLongestX86 = 15;

// Prefixes and opcode of an instruction: what the kernel's tables look at.
struct X86Opcode {
	bool odd_prefix = false; // lock, segment, address size: refused by the kernel, or not worth the doubt
	bool data16 = false, repeat = false;
	uint8_t rex = 0;
	uint8_t first = 0, second = 0; // second: after 0f
	uint8_t modrm = 0;             // or whatever follows the opcode
	std::size_t prefixes = 0;      // bytes before the opcode
};

X86Opcode opcode_of(Code bytes)
{
	X86Opcode opcode;
	std::size_t at = 0;
	const auto next = [&] { return at < bytes.size() ? bytes[at++] : uint8_t{0}; };
	uint8_t byte = next();
	for (;; byte = next()) {
		if (byte == 0x66)
			opcode.data16 = true;
		else if (byte == 0xf2 || byte == 0xf3)
			opcode.repeat = true;
		else if (byte == 0xf0 || byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x64 ||
			 byte == 0x65 || byte == 0x67)
			opcode.odd_prefix = true;
		else
			break;
	}
	if ((byte & 0xf0) == 0x40) {
		opcode.rex = byte;
		byte = next();
	}
	opcode.prefixes = at - 1;
	opcode.first = byte;
	if (byte == 0x0f)
		opcode.second = next();
	opcode.modrm = next();
	return opcode;
}

// AVX is refused: the kernel (6.18) looks at the opcode behind the VEX prefix as if there were none and does
// `vmovdqu [rdi], xmm0` (7f) as a `jg`, so that nothing is stored. Then: uprobe_init_insn() and its tables, and what is
// privileged, starts a transaction, blocks the trap (mov ss) or handles the trap flag: a stepped pushf shows the
// program a set one, and its popf then kills it with SIGTRAP.
bool x86_refused(const X86Opcode &opcode)
{
	static constexpr uint8_t kFirst[] = {
		0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62, 0x6c, 0x6d, 0x6e,
		0x6f, 0x82, 0x8e, 0x8f, 0x9a, 0x9c, 0x9d, 0xcc, 0xcd, 0xc4, 0xc5, 0xce, 0xcf, 0xd4, 0xd5, 0xd6, 0xe0,
		0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xed, 0xee, 0xef, 0xf1, 0xf4, 0xfa, 0xfb};
	static constexpr uint8_t kSecond[] = {0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
					      0x0c, 0x0e, 0x0f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26,
					      0x27, 0x30, 0x32, 0x34, 0x35, 0x36, 0x37, 0x39, 0x3b, 0x3c,
					      0x3d, 0x3e, 0x3f, 0x78, 0x79, 0xaa, 0xb2, 0xb9, 0xff};
	if (opcode.odd_prefix)
		return true;
	if (opcode.first == 0x0f)
		return std::find(std::begin(kSecond), std::end(kSecond), opcode.second) != std::end(kSecond);
	if ((opcode.first == 0xc6 || opcode.first == 0xc7) && opcode.modrm == 0xf8)
		return true; // xabort, xbegin
	return std::find(std::begin(kFirst), std::end(kFirst), opcode.first) != std::end(kFirst);
}

bool is_vector_prefix(uint8_t byte)
{
	return byte == 0xc4 || byte == 0xc5 || byte == 0x62;
}

bool is_long_nop(const X86Opcode &opcode)
{
	return opcode.first == 0x0f && opcode.second == 0x1f && (opcode.modrm & 0x38) == 0 && !opcode.repeat;
}

bool is_plain_nop(const X86Opcode &opcode)
{
	return opcode.first == 0x90 && !opcode.repeat && opcode.rex == 0;
}

// can_optimize() of 6.18: a nop of 5 bytes, however written.
bool becomes_call(const X86Opcode &opcode, std::size_t size)
{
	return size == 5 && !opcode.odd_prefix && (is_plain_nop(opcode) || is_long_nop(opcode));
}

// x86_nops of the kernel, those of 3 to 8 bytes: 6.18 compares bytes, later kernels take other forms too.
bool is_kernel_nop(Code bytes)
{
	static constexpr uint8_t kForms[][8] = {
		{0x0f, 0x1f, 0x00},
		{0x0f, 0x1f, 0x40, 0x00},
		{0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
		{0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
		{0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
	};
	return bytes.size() >= 3 && bytes.size() <= 8 &&
	       std::memcmp(kForms[bytes.size() - 3], bytes.data(), bytes.size()) == 0;
}

bool x86_emulated(Code bytes, const X86Opcode &opcode, const ProbeWish &wish)
{
	if (opcode.odd_prefix)
		return false;
	if (is_plain_nop(opcode))
		return true;
	if (is_kernel_nop(bytes))
		return wish.wide_nops_are_emulated;
	if (opcode.first >= 0x50 && opcode.first <= 0x57) // push: alone or with exactly REX.B
		return opcode.prefixes == 0 || (opcode.prefixes == 1 && opcode.rex == 0x41);
	if (opcode.prefixes != 0)
		return false;
	return opcode.first == 0xe8 || opcode.first == 0xe9 || opcode.first == 0xeb ||
	       (opcode.first >= 0x70 && opcode.first <= 0x7f) ||
	       (opcode.first == 0x0f && opcode.second >= 0x80 && opcode.second <= 0x8f);
}

// The argument that a register, in any width, holds; 0 = none.
uint8_t x86_argument_bit(uint16_t reg)
{
	static constexpr uint16_t kArguments[][5] = {
		{X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, X86_REG_DIL},
		{X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, X86_REG_SIL},
		{X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
		{X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
		{X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, X86_REG_R8B},
		{X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, X86_REG_R9B},
	};
	for (std::size_t i = 0; i < std::size(kArguments); i++)
		if (std::find(std::begin(kArguments[i]), std::end(kArguments[i]), reg) != std::end(kArguments[i]))
			return static_cast<uint8_t>(1u << i);
	return 0;
}

bool is_stack_pointer(uint16_t reg)
{
	return reg == X86_REG_RSP || reg == X86_REG_ESP || reg == X86_REG_SP || reg == X86_REG_SPL;
}

// By the place of the operand: capstone 4 says of many vector stores that they read.
bool x86_writes_memory(const cs_insn &insn)
{
	switch (insn.id) {
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_PUSH:
	case X86_INS_NOP:
	case X86_INS_CALL:
	case X86_INS_JMP:
		return false;
	default:
		break;
	}
	const cs_x86 &x86 = insn.detail->x86;
	return x86.op_count > 0 && x86.operands[0].type == X86_OP_MEM;
}

// How far down an instruction that writes the stack pointer moves it, if it says so itself.
std::optional<int64_t> x86_pushed(const cs_insn &insn)
{
	const cs_x86 &x86 = insn.detail->x86;
	const cs_x86_op &first = x86.operands[0], &second = x86.operands[1];
	const bool of_stack_pointer = x86.op_count > 0 && first.type == X86_OP_REG && is_stack_pointer(first.reg);
	if (opcode_of({insn.bytes, insn.size}).data16)
		return {};
	if (insn.id == X86_INS_PUSH || insn.id == X86_INS_PUSHFQ)
		return 8;
	if (insn.id == X86_INS_POP && !of_stack_pointer)
		return -8;
	if (!of_stack_pointer || first.reg != X86_REG_RSP || x86.op_count != 2)
		return {};
	if (insn.id == X86_INS_SUB && second.type == X86_OP_IMM)
		return second.imm;
	if (insn.id == X86_INS_ADD && second.type == X86_OP_IMM && second.imm != INT64_MIN)
		return -second.imm;
	if (insn.id == X86_INS_LEA && second.mem.base == X86_REG_RSP && second.mem.index == X86_REG_INVALID)
		return -second.mem.disp;
	return {};
}

bool x86_reads_rip(const cs_insn &insn)
{
	const cs_x86 &x86 = insn.detail->x86;
	return std::any_of(x86.operands, x86.operands + x86.op_count, [](const cs_x86_op &operand) {
		return operand.type == X86_OP_MEM && operand.mem.base == X86_REG_RIP;
	});
}

void note_written(const Disassembler &disassembler, const cs_insn &insn, Instruction &result)
{
	const auto note = [&](uint16_t reg) {
		result.arguments_written |= x86_argument_bit(reg);
		result.moves_stack |= is_stack_pointer(reg);
	};
	for (const uint16_t reg : disassembler.written_registers(insn))
		note(reg);
	// An operand of which capstone does not know what happens to it.
	const cs_x86 &x86 = insn.detail->x86;
	for (std::size_t i = 0; i < x86.op_count; i++)
		if (x86.operands[i].type == X86_OP_REG && x86.operands[i].access == 0)
			note(static_cast<uint16_t>(x86.operands[i].reg));
	result.moves_stack |= insn.id == X86_INS_PUSH || insn.id == X86_INS_ENTER; // capstone forgets `push fs`
}

// Looks for data below the stack pointer, through all known code, branches or not.
class RedZoneSearch {
public:
	// False when shown that it does not.
	bool may_use(Disassembler &disassembler, Code code)
	{
		for (std::size_t offset = 0; offset < code.size();) {
			const cs_insn *insn = disassembler.at(code, offset);
			if (!insn)
				return code.size() - offset >= kLongestX86; // cut at the end: no harm; else: who knows
			if (copies_stack_pointer(*insn) || reaches_below(*insn))
				return true;
			follow_frame(*insn);
			offset += insn->size;
		}
		return false;
	}

private:
	// Into a register through which it could be written later; the frame pointer is followed instead.
	static bool copies_stack_pointer(const cs_insn &insn)
	{
		const cs_x86 &x86 = insn.detail->x86;
		if (x86.op_count != 2 || x86.operands[0].type != X86_OP_REG || is_stack_pointer(x86.operands[0].reg))
			return false;
		const cs_x86_op &from = x86.operands[1];
		if (insn.id == X86_INS_LEA)
			return from.mem.base == X86_REG_RSP || from.mem.index == X86_REG_RSP;
		return from.type == X86_OP_REG && is_stack_pointer(from.reg) && !is_frame_setup(insn) &&
		       insn.id != X86_INS_CMP && insn.id != X86_INS_TEST;
	}
	static bool is_frame_setup(const cs_insn &insn)
	{
		const cs_x86 &x86 = insn.detail->x86;
		return insn.id == X86_INS_MOV && x86.op_count == 2 && x86.operands[0].type == X86_OP_REG &&
		       x86.operands[0].reg == X86_REG_RBP && x86.operands[1].type == X86_OP_REG &&
		       x86.operands[1].reg == X86_REG_RSP;
	}
	bool reaches_below(const cs_insn &insn) const
	{
		const cs_x86 &x86 = insn.detail->x86;
		if (insn.id == X86_INS_LEA && is_stack_pointer(x86.operands[0].reg))
			return false;
		return std::any_of(x86.operands, x86.operands + x86.op_count, [&](const cs_x86_op &operand) {
			if (operand.type != X86_OP_MEM)
				return false;
			const x86_op_mem &mem = operand.mem;
			if (mem.base == X86_REG_RSP)
				return mem.disp < 0 || mem.index != X86_REG_INVALID;
			return mem.base == X86_REG_RBP && frame_ && (mem.disp < -room_ || mem.index != X86_REG_INVALID);
		});
	}
	// The room between frame pointer and stack pointer, as reserved before the first branch.
	void follow_frame(const cs_insn &insn)
	{
		straight_ = straight_ && !in_group(insn, {CS_GRP_JUMP, CS_GRP_RET, CS_GRP_BRANCH_RELATIVE});
		if (is_frame_setup(insn)) {
			frame_ = true;
			room_ = 0;
		} else if (frame_ && straight_) {
			const std::optional<int64_t> pushed = x86_pushed(insn);
			room_ += std::clamp<int64_t>(pushed.value_or(0), INT32_MIN, INT32_MAX);
		}
	}

	bool frame_ = false, straight_ = true;
	int64_t room_ = 0;
};

} // namespace

Instruction x86_instruction(const Disassembler &disassembler, const cs_insn &insn, const ProbeWish &wish)
{
	const Code bytes{insn.bytes, insn.size};
	const X86Opcode opcode = opcode_of(bytes);
	Instruction result;
	result.size = insn.size;
	result.text = text_of(insn);
	result.becomes_call = wish.wide_nops_are_calls && becomes_call(opcode, insn.size);
	if (result.becomes_call)
		result.cost = ProbeCost::call;
	else if (x86_emulated(bytes, opcode, wish))
		result.cost = ProbeCost::emulated;
	result.ends_path = in_group(insn, {CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT, CS_GRP_IRET,
					   CS_GRP_PRIVILEGE, CS_GRP_BRANCH_RELATIVE});
	const bool refused = x86_refused(opcode);
	// A rip-relative one works, by a borrowed register; kernels differ in which.
	result.kernel_refuses = refused || x86_reads_rip(insn);
	result.ends_path |= refused && !opcode.odd_prefix && !is_vector_prefix(opcode.first); // int3, syscall, xbegin
	note_written(disassembler, insn, result);
	result.writes_memory = x86_writes_memory(insn);
	if (result.moves_stack)
		result.pushed = x86_pushed(insn);
	result.moves_return_address = result.moves_stack;
	return result;
}

std::set<uint64_t> x86_branch_targets(Disassembler &disassembler, Code code)
{
	std::set<uint64_t> targets;
	for (std::size_t offset = 0; offset < code.size();) {
		const cs_insn *insn = disassembler.at(code, offset);
		if (!insn) {
			offset++; // data, or the cut end
			continue;
		}
		const cs_x86 &x86 = insn->detail->x86;
		const bool call = insn->id == X86_INS_CALL;
		const bool branch = call || in_group(*insn, {CS_GRP_JUMP, CS_GRP_BRANCH_RELATIVE});
		if (branch && x86.op_count > 0 && x86.operands[0].type == X86_OP_IMM &&
		    !(call && x86.operands[0].imm == 0))
			targets.insert(static_cast<uint64_t>(x86.operands[0].imm));
		offset += insn->size;
	}
	return targets;
}

bool x86_may_use_red_zone(Disassembler &disassembler, Code code)
{
	return RedZoneSearch().may_use(disassembler, code);
}

} // namespace neuroperf::collector
