// SPDX-License-Identifier: Apache-2.0
// Call chains from samples that hold registers and a copy of the stack (perf record --call-graph dwarf).
//
// Each frame's caller is found by the call frame information of the file that its code is mapped from; rules are kept
// by file and offset, equal ones once. Code without such information is stepped over by its frame pointer. Registers,
// stack and files are hostile: only captured bytes are read, and a chain ends where it makes no progress. One object is
// used by one thread; it owns copies of the sections it needs and reads files when they are first met.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analyzer/unwind_file.hpp"
#include "recording/unwind_rules.hpp"
#include "recording/unwind_state.hpp"

namespace neuroperf::analyzer {

using recording::CapturedStack;
using recording::SpecialRegisters;
using recording::UnwindMachine;
using recording::UnwindRegisters;
using recording::UnwindRule;
using recording::UnwindRuleHash;

// One sample's user state, as PERF_SAMPLE_REGS_USER and PERF_SAMPLE_STACK_USER give it.
struct UserState {
	uint64_t abi = 0;                // PERF_SAMPLE_REGS_ABI_64; others are not unwound
	uint64_t register_mask = 0;      // attr.sample_regs_user
	const char *registers = nullptr; // u64 each, unaligned, in mask order, popcount(register_mask) of them
	std::string_view stack;          // from the stack pointer upwards, dyn_size of them
};

class Unwinder {
public:
	using Machine = UnwindMachine;
	using FileId = uint32_t;
	struct Location {
		bool known = false;       // the address is in an executable mapping (not [stack], [heap])
		FileId file = 0;          // of add_file or add_image
		uint64_t file_offset = 0; // of the address
		uint64_t bias = 0;        // run-time address minus address in the file, for DW_OP_addr alone
	};
	// Why a chain ends where it does. Only a complete one reaches the thread's first frame.
	enum class End { complete, no_rules, stack_too_short, no_progress, limit, bad_registers };
	static constexpr std::size_t kEnds = 6;

	explicit Unwinder(Machine machine);

	// A file whose rules may be needed; it is read when they are. An empty path: code without rules (JIT, a file
	// that is gone).
	FileId add_file(std::string path);
	FileId add_image(std::string bytes); // an ELF file in memory: the vdso
	FileId add_elf(const ElfFile &elf);  // reads it now

	// Fills `addresses`, innermost first, at most `limit`: the instruction pointer; then for each caller an address
	// inside its call instruction (return address - 1). Exact are what a signal interrupted, and the trampoline
	// that a signal handler returns to. `locate` is called with an address and returns its Location.
	template <typename Locate>
	End unwind(const UserState &state, Locate &&locate, std::size_t limit, std::vector<uint64_t> *addresses);

	// Samples by how their chain ended.
	const std::array<uint64_t, kEnds> &ends() const { return ends_; }
	uint64_t chains_ended_by(End end) const { return ends_[static_cast<std::size_t>(end)]; }

private:
	struct Frame {
		UnwindRegisters registers;
		CapturedStack stack{0, {}};
		uint64_t pc = 0;
		uint64_t bias = 0;
		bool exact = true; // pc is an instruction to be executed, not one to return to
		const UnwindRule *rule = nullptr;
	};
	enum class Step { caller, ended };

	bool begin(const UserState &state, Frame *frame) const;
	template <typename Locate> bool find_rule(Locate &&locate, Frame *frame);
	const UnwindRule *rule_at(const Location &location);
	const UnwindRule *find_uncached(uint64_t offset, FileId file, uint32_t *index);
	Step step(Frame *frame, End *end) const;
	bool is_popped(const UnwindRule::Register &entry, uint64_t cfa, const Frame &frame) const;
	Step step_by_rule(Frame *frame, End *end) const;
	Step step_by_frame_pointer(Frame *frame, End *end) const;
	Step arrive(Frame *frame, const UnwindRegisters &caller, uint64_t pc, End *end) const;
	End finish(End end)
	{
		ends_[static_cast<std::size_t>(end)]++;
		return end;
	}

	// Rules by file and offset, in a table of open addressing.
	struct Slot {
		uint64_t offset = 0;
		FileId file = 0;
		uint32_t rule = 0; // into rules_ + 1; 0: free
	};
	Slot *slot_of(uint64_t offset, FileId file);
	void grow();

	Machine machine_;
	SpecialRegisters special_;
	std::vector<UnwindFile> files_;
	uint64_t bytes_left_;                                                   // of sections to keep
	std::unordered_map<UnwindRule, uint32_t, UnwindRuleHash> rule_numbers_; // into rules_ + 1
	std::vector<const UnwindRule *> rules_ = {nullptr};                     // the first: there is no entry
	std::vector<Slot> slots_;
	std::size_t slots_used_ = 0;
	UnwindRule uncached_; // when nothing more is kept
	std::array<uint64_t, kEnds> ends_ = {};
};

template <typename Locate>
Unwinder::End Unwinder::unwind(const UserState &state, Locate &&locate, std::size_t limit,
			       std::vector<uint64_t> *addresses)
{
	addresses->clear();
	Frame frame;
	if (!begin(state, &frame))
		return finish(End::bad_registers);
	find_rule(locate, &frame); // of unknown code too, the frame pointer may lead out
	for (;;) {
		if (addresses->size() >= limit)
			return finish(End::limit);
		addresses->push_back(frame.exact || (frame.rule != nullptr && frame.rule->signal_frame) ? frame.pc
													: frame.pc - 1);
		End end = End::complete;
		if (step(&frame, &end) == Step::ended)
			return finish(end);
		if (!find_rule(locate, &frame))
			return finish(End::no_rules); // returns to what is no code
	}
}

// False if there is no code at all.
template <typename Locate> bool Unwinder::find_rule(Locate &&locate, Frame *frame)
{
	const Location location = locate(frame->exact ? frame->pc : frame->pc - 1);
	frame->bias = location.bias;
	frame->rule = location.known ? rule_at(location) : nullptr;
	if (frame->rule != nullptr)
		return location.known;
	// A signal trampoline is not called: nothing of its file need stand before it. And it does not return: the
	// system call that ends it leads behind it.
	const Location other = locate(frame->exact ? frame->pc - 1 : frame->pc);
	const UnwindRule *rule = other.known ? rule_at(other) : nullptr;
	if (rule != nullptr && rule->signal_frame) {
		frame->bias = other.bias;
		frame->rule = rule;
	}
	return location.known || frame->rule != nullptr;
}

} // namespace neuroperf::analyzer
