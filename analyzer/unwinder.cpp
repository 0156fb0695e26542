// SPDX-License-Identifier: Apache-2.0
#include "analyzer/unwinder.hpp"

#include <bit>
#include <utility>

#include <linux/perf_event.h>

#include "analyzer/dwarf_expression.hpp"
#include "recording/bytes.hpp"

namespace neuroperf::analyzer {

using recording::CfaRule;
using recording::RegisterRule;
using recording::special_registers;

namespace {

// Large libraries (half a gigabyte of code) have 30 MB of .eh_frame; an index of about the same size comes to it.
constexpr uint64_t kMaximumSections = uint64_t{1} << 30;
constexpr std::size_t kMaximumSlots = std::size_t{4} << 20; // at most three quarters of them used; 64 MiB
constexpr std::size_t kMaximumRules = std::size_t{1} << 16;
constexpr std::size_t kFirstSlots = 4096;
// How far a frame pointer may lie from the stack pointer: in code without rules it may be just any register.
constexpr uint64_t kMaximumFrameSize = 0x4000;
// Addresses of aarch64 programs; above may be a return address's signature.
constexpr uint64_t kAarch64Address = (uint64_t{1} << 48) - 1;

// DWARF numbers of perf's registers, by PERF_REG_X86_*: ax bx cx dx si di bp sp ip flags cs ss ds es fs gs r8-r15.
constexpr uint8_t kNone = 255;
constexpr uint8_t kPerfToDwarfX86[] = {0,     3,     2,     1,     4, 5, 6,  7,  16, kNone, kNone, kNone,
				       kNone, kNone, kNone, kNone, 8, 9, 10, 11, 12, 13,    14,    15};
// PERF_REG_ARM64_*: x0-x29 lr sp pc, as DWARF has them.
constexpr unsigned kPerfRegistersAarch64 = 33;

unsigned dwarf_number(UnwindMachine machine, unsigned perf_number)
{
	if (machine == UnwindMachine::aarch64)
		return perf_number < kPerfRegistersAarch64 ? perf_number : kNone;
	return perf_number < std::size(kPerfToDwarfX86) ? kPerfToDwarfX86[perf_number] : kNone;
}

bool cfa_of(const CfaRule &rule, const ExpressionContext &context, uint64_t *cfa)
{
	switch (rule.kind) {
	case CfaRule::Kind::register_plus:
		if (!context.registers.knows(rule.number))
			return false;
		*cfa = context.registers.value[rule.number] + static_cast<uint64_t>(rule.offset);
		return true;
	case CfaRule::Kind::expression:
		return evaluate_expression(rule.expression, context, nullptr, cfa);
	case CfaRule::Kind::none:
		break;
	}
	return false;
}

enum class Restored { value, lost, not_captured };

// A register as it was in the caller.
Restored restore(const RegisterRule &rule, uint64_t cfa, const ExpressionContext &context, uint64_t *value)
{
	using Kind = RegisterRule::Kind;
	uint64_t address = cfa + static_cast<uint64_t>(rule.offset);
	switch (rule.kind) {
	case Kind::cfa_plus:
		*value = address;
		return Restored::value;
	case Kind::in_register: {
		const auto number = static_cast<uint64_t>(rule.offset);
		if (number >= UnwindRegisters::kCount || !context.registers.knows(static_cast<unsigned>(number)))
			return Restored::lost;
		*value = context.registers.value[number];
		return Restored::value;
	}
	case Kind::value_of_expr:
		return evaluate_expression(rule.expression, context, &cfa, value) ? Restored::value : Restored::lost;
	case Kind::saved_at_expr:
		if (!evaluate_expression(rule.expression, context, &cfa, &address))
			return Restored::lost;
		[[fallthrough]];
	case Kind::saved:
		return context.stack.read(address, 8, value) ? Restored::value : Restored::not_captured;
	default:
		return Restored::lost;
	}
}

} // namespace

Unwinder::Unwinder(Machine machine)
	: machine_(machine), special_(special_registers(machine)), bytes_left_(kMaximumSections), slots_(kFirstSlots)
{
}

Unwinder::FileId Unwinder::add_file(std::string path)
{
	files_.push_back(UnwindFile::at_path(std::move(path)));
	return static_cast<FileId>(files_.size() - 1);
}

Unwinder::FileId Unwinder::add_elf(const ElfFile &elf)
{
	files_.push_back(UnwindFile::of_elf(elf, machine_, &bytes_left_));
	return static_cast<FileId>(files_.size() - 1);
}

Unwinder::FileId Unwinder::add_image(std::string bytes)
{
	files_.push_back(UnwindFile::of_image(std::move(bytes)));
	return static_cast<FileId>(files_.size() - 1);
}

bool Unwinder::begin(const UserState &state, Frame *frame) const
{
	if (state.abi != PERF_SAMPLE_REGS_ABI_64 || state.registers == nullptr)
		return false;
	const char *from = state.registers;
	for (uint64_t left = state.register_mask; left != 0; left &= left - 1, from += sizeof(uint64_t)) {
		const unsigned number = dwarf_number(machine_, static_cast<unsigned>(std::countr_zero(left)));
		if (number != kNone)
			frame->registers.set(number, recording::load<uint64_t>(from));
	}
	if (!frame->registers.knows(special_.pc) || !frame->registers.knows(special_.sp))
		return false;
	frame->pc = frame->registers.value[special_.pc];
	frame->stack = CapturedStack(frame->registers.value[special_.sp], state.stack);
	return true;
}

Unwinder::Step Unwinder::step(Frame *frame, End *end) const
{
	return frame->rule == nullptr ? step_by_frame_pointer(frame, end) : step_by_rule(frame, end);
}

// In epilogues gcc goes on to say that a register is saved where it was popped from. Nothing below the stack pointer is
// captured, but the register has its value again.
bool Unwinder::is_popped(const UnwindRule::Register &entry, uint64_t cfa, const Frame &frame) const
{
	return frame.exact && entry.rule.kind == RegisterRule::Kind::saved &&
	       entry.number != frame.rule->return_register &&
	       cfa + static_cast<uint64_t>(entry.rule.offset) < frame.registers.value[special_.sp];
}

Unwinder::Step Unwinder::step_by_rule(Frame *frame, End *end) const
{
	const UnwindRule &rule = *frame->rule;
	const ExpressionContext context{frame->registers, frame->stack, frame->bias};
	uint64_t cfa = 0;
	*end = End::no_rules;
	if (!cfa_of(rule.cfa, context, &cfa))
		return Step::ended;
	UnwindRegisters caller = frame->registers;
	caller.forget(special_.pc);
	caller.set(special_.sp, cfa);
	for (const UnwindRule::Register &entry : rule.registers) {
		uint64_t value = 0;
		if (entry.rule.kind == RegisterRule::Kind::same || is_popped(entry, cfa, *frame))
			continue;
		const Restored restored = restore(entry.rule, cfa, context, &value);
		if (restored == Restored::value) {
			caller.set(entry.number, value);
			continue;
		}
		caller.forget(entry.number); // which matters only if it is used
		if (entry.number != rule.return_register)
			continue;
		if (restored == Restored::not_captured)
			*end = End::stack_too_short;
		else if (entry.rule.kind == RegisterRule::Kind::undefined)
			*end = End::complete;
	}
	if (!caller.knows(rule.return_register))
		return Step::ended;
	return arrive(frame, caller, caller.value[rule.return_register], end);
}

// Both machines keep the caller's frame pointer, and above it the return address, where the frame pointer points.
Unwinder::Step Unwinder::step_by_frame_pointer(Frame *frame, End *end) const
{
	*end = End::no_rules;
	const UnwindRegisters &now = frame->registers;
	if (!now.knows(special_.fp) || !now.knows(special_.sp))
		return Step::ended;
	const uint64_t at = now.value[special_.fp];
	if (at == 0 && !frame->exact)
		*end = End::complete; // so it is where a process begins, in ld.so for one
	if (at % 8 != 0 || at - now.value[special_.sp] > kMaximumFrameSize)
		return Step::ended;
	uint64_t outer = 0, pc = 0;
	if (!frame->stack.read(at, 8, &outer) || !frame->stack.read(at + 8, 8, &pc))
		return Step::ended;
	UnwindRegisters caller;
	caller.set(special_.fp, outer);
	caller.set(special_.sp, at + 16);
	return arrive(frame, caller, pc, end);
}

// Makes the caller the current frame, if the stack shrinks by it. Only behind a signal frame it may be another stack,
// and only what has called nothing may have no stack at all (aarch64).
Unwinder::Step Unwinder::arrive(Frame *frame, const UnwindRegisters &caller, uint64_t pc, End *end) const
{
	if (machine_ == Machine::aarch64)
		pc &= kAarch64Address;
	if (pc == 0) {
		*end = End::complete;
		return Step::ended;
	}
	const bool behind_signal = frame->rule != nullptr && frame->rule->signal_frame;
	if (!caller.knows(special_.sp)) {
		*end = End::no_rules;
		return Step::ended;
	}
	const uint64_t before = frame->registers.value[special_.sp], after = caller.value[special_.sp];
	const bool moved = after > before || (after == before && frame->exact && pc != frame->pc);
	if (!moved && !behind_signal) {
		*end = End::no_progress;
		return Step::ended;
	}
	frame->registers = caller;
	frame->registers.set(special_.pc, pc);
	frame->pc = pc;
	frame->exact = behind_signal;
	return Step::caller;
}

Unwinder::Slot *Unwinder::slot_of(uint64_t offset, FileId file)
{
	const std::size_t mask = slots_.size() - 1;
	std::size_t at = ((offset ^ uint64_t{file} << 40) * 0x9e3779b97f4a7c15U >> 32) & mask;
	while (slots_[at].rule != 0 && (slots_[at].offset != offset || slots_[at].file != file))
		at = (at + 1) & mask;
	return &slots_[at];
}

void Unwinder::grow()
{
	std::vector<Slot> smaller(slots_.size() * 2);
	smaller.swap(slots_);
	for (const Slot &slot : smaller)
		if (slot.rule != 0)
			*slot_of(slot.offset, slot.file) = slot;
}

// nullptr if there is none: no file, or no entry in it. Damaged: a rule that leads nowhere.
const UnwindRule *Unwinder::rule_at(const Location &location)
{
	if (location.file >= files_.size())
		return nullptr;
	Slot *slot = slot_of(location.file_offset, location.file);
	if (slot->rule != 0)
		return rules_[slot->rule - 1];
	uint32_t index = 0;
	const UnwindRule *rule = find_uncached(location.file_offset, location.file, &index);
	const bool is_full = (slots_used_ + 1) * 4 > slots_.size() * 3;
	if (index == 0 || (is_full && slots_.size() >= kMaximumSlots))
		return rule;
	if (is_full) {
		grow();
		slot = slot_of(location.file_offset, location.file);
	}
	*slot = {location.file_offset, location.file, index};
	slots_used_++;
	return rule;
}

// `index` is what to keep in a slot; 0 if the rule is not kept and only good until the next one.
const UnwindRule *Unwinder::find_uncached(uint64_t offset, FileId file, uint32_t *index)
{
	uint64_t address = 0;
	CallFrameRow row;
	auto found = CallFrameTable::Found::no_entry;
	files_[file].read_once(machine_, &bytes_left_);
	if (files_[file].address_of_offset(offset, &address))
		found = files_[file].row_at(address, &row);
	if (found == CallFrameTable::Found::no_entry) {
		*index = 1;
		return nullptr;
	}
	uncached_ = found == CallFrameTable::Found::row ? UnwindRule(row) : UnwindRule();
	auto known = rule_numbers_.find(uncached_);
	if (known == rule_numbers_.end()) {
		if (rules_.size() >= kMaximumRules)
			return &uncached_;
		known = rule_numbers_.emplace(std::move(uncached_), static_cast<uint32_t>(rules_.size() + 1)).first;
		rules_.push_back(&known->first);
	}
	*index = known->second;
	return &known->first;
}

} // namespace neuroperf::analyzer
