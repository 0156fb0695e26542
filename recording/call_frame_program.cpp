// SPDX-License-Identifier: Apache-2.0
#include "recording/call_frame_program.hpp"

#include <vector>

#include <dwarf.h>

#include "recording/leb128.hpp"

namespace neuroperf::recording {

namespace {

// The function with the most of them has 1154 in libLLVM and 211 in Python; two states are remembered at a time.
constexpr unsigned kMaximumInstructions = 20000;
constexpr std::size_t kMaximumRemembered = 32;

class Interpreter {
public:
	Interpreter(const CallFrameTable::Common &common, UnwindMachine machine, uint64_t address, CallFrameRow *row)
		: common_(common), machine_(machine), address_(address), row_(row)
	{
	}

	// `initial` is what DW_CFA_restore goes back to: nullptr while it is being made.
	bool run(const CallFrameProgram &program, const CallFrameRow *initial)
	{
		Cursor in(program.instructions);
		in_ = &in;
		initial_ = initial;
		place_ = program.place;
		location_ = program.begin;
		unsigned count = 0;
		while (in.left() > 0) {
			if (++count > kMaximumInstructions || !step(in.read<uint8_t>()) || !in.ok())
				return false;
			if (location_ > address_)
				break; // the row before this one is it
		}
		return true;
	}

private:
	bool step(uint8_t opcode);
	bool step_extended(uint8_t opcode);
	bool step_location(uint8_t opcode);
	bool step_cfa(uint8_t opcode);
	bool advance(uint64_t delta)
	{
		location_ += delta * common_.code_alignment;
		return initial_ != nullptr; // a common program has one row only
	}
	bool set_cfa(uint64_t number, int64_t offset);
	bool set_cfa_offset(int64_t offset)
	{
		row_->cfa.offset = offset;
		return row_->cfa.kind == CfaRule::Kind::register_plus;
	}
	// Registers that no frame needs (floating point, vectors) are passed over.
	bool set(uint64_t number, RegisterRule::Kind kind, int64_t offset, std::string_view expression = {})
	{
		if (number < row_->registers.size())
			row_->registers[number] = {kind, offset, expression};
		return true;
	}
	bool set_restored(uint64_t number);
	bool restore_state();
	uint64_t uleb() { return read_uleb128(in_); }
	int64_t factored(int64_t value) const
	{
		return static_cast<int64_t>(static_cast<uint64_t>(value) *
					    static_cast<uint64_t>(common_.data_alignment));
	}
	int64_t factored_uleb() { return factored(static_cast<int64_t>(uleb())); }
	int64_t factored_sleb() { return factored(read_sleb128(in_)); }
	std::string_view block() { return in_->read_bytes(uleb()); }

	const CallFrameTable::Common &common_;
	UnwindMachine machine_;
	uint64_t address_;
	CallFrameRow *row_;
	Cursor *in_ = nullptr;
	const CallFrameRow *initial_ = nullptr;
	uint64_t place_ = 0, location_ = 0;
	std::vector<CallFrameRow> remembered_;
};

bool Interpreter::step(uint8_t opcode)
{
	const uint8_t operand = opcode & 0x3f;
	switch (opcode & 0xc0) {
	case DW_CFA_advance_loc:
		return advance(operand);
	case DW_CFA_offset:
		return set(operand, RegisterRule::Kind::saved, factored_uleb());
	case DW_CFA_restore:
		return set_restored(operand);
	default:
		return step_extended(opcode);
	}
}

bool Interpreter::step_extended(uint8_t opcode)
{
	using Kind = RegisterRule::Kind;
	uint64_t number = 0;
	switch (opcode) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_undefined:
		return set(uleb(), Kind::undefined, 0);
	case DW_CFA_same_value:
		return set(uleb(), Kind::same, 0);
	case DW_CFA_offset_extended:
		number = uleb();
		return set(number, Kind::saved, factored_uleb());
	case DW_CFA_offset_extended_sf:
		number = uleb();
		return set(number, Kind::saved, factored_sleb());
	case DW_CFA_GNU_negative_offset_extended:
		number = uleb();
		return set(number, Kind::saved, factored(static_cast<int64_t>(-uleb())));
	case DW_CFA_val_offset:
		number = uleb();
		return set(number, Kind::cfa_plus, factored_uleb());
	case DW_CFA_val_offset_sf:
		number = uleb();
		return set(number, Kind::cfa_plus, factored_sleb());
	case DW_CFA_register:
		number = uleb();
		return set(number, Kind::in_register, static_cast<int64_t>(uleb()));
	case DW_CFA_expression:
		number = uleb();
		return set(number, Kind::saved_at_expr, 0, block());
	case DW_CFA_val_expression:
		number = uleb();
		return set(number, Kind::value_of_expr, 0, block());
	case DW_CFA_restore_extended:
		return set_restored(uleb());
	case DW_CFA_remember_state:
		remembered_.push_back(*row_);
		return remembered_.size() <= kMaximumRemembered;
	case DW_CFA_restore_state:
		return restore_state();
	case DW_CFA_GNU_args_size:
		uleb();
		return true;
	case 0x2c: // DW_CFA_AARCH64_negate_ra_state_with_pc
	case DW_CFA_AARCH64_negate_ra_state:
		// The signature is taken off every return address; whether there is one need not be known.
		return machine_ == UnwindMachine::aarch64;
	default:
		return step_location(opcode);
	}
}

bool Interpreter::step_location(uint8_t opcode)
{
	switch (opcode) {
	case DW_CFA_advance_loc1:
		return advance(in_->read<uint8_t>());
	case DW_CFA_advance_loc2:
		return advance(in_->read<uint16_t>());
	case DW_CFA_advance_loc4:
		return advance(in_->read<uint32_t>());
	case DW_CFA_set_loc:
		return read_encoded(in_, common_.pointer_encoding, place_ + in_->position(), &location_) && advance(0);
	default:
		return step_cfa(opcode);
	}
}

bool Interpreter::step_cfa(uint8_t opcode)
{
	uint64_t number = 0;
	switch (opcode) {
	case DW_CFA_def_cfa:
		number = uleb();
		return set_cfa(number, static_cast<int64_t>(uleb()));
	case DW_CFA_def_cfa_sf:
		number = uleb();
		return set_cfa(number, factored_sleb());
	case DW_CFA_def_cfa_register:
		return row_->cfa.kind == CfaRule::Kind::register_plus && set_cfa(uleb(), row_->cfa.offset);
	case DW_CFA_def_cfa_offset:
		return set_cfa_offset(static_cast<int64_t>(uleb()));
	case DW_CFA_def_cfa_offset_sf:
		return set_cfa_offset(factored_sleb());
	case DW_CFA_def_cfa_expression:
		row_->cfa = {CfaRule::Kind::expression, 0, 0, block()};
		return true;
	default:
		return false; // what follows cannot be told apart
	}
}

bool Interpreter::set_cfa(uint64_t number, int64_t offset)
{
	row_->cfa = {CfaRule::Kind::register_plus, static_cast<uint32_t>(number), offset, {}};
	return number < UnwindRegisters::kCount;
}

bool Interpreter::set_restored(uint64_t number)
{
	if (initial_ != nullptr && number < row_->registers.size())
		row_->registers[number] = initial_->registers[number];
	return initial_ != nullptr;
}

bool Interpreter::restore_state()
{
	if (remembered_.empty())
		return false;
	*row_ = remembered_.back();
	remembered_.pop_back();
	return true;
}

} // namespace

bool read_encoded(Cursor *in, uint8_t encoding, uint64_t place, uint64_t *value)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		*value = in->read<uint64_t>();
		break;
	case DW_EH_PE_udata4:
		*value = in->read<uint32_t>();
		break;
	case DW_EH_PE_sdata4:
		*value = static_cast<uint64_t>(int64_t{in->read<int32_t>()});
		break;
	case DW_EH_PE_udata2:
		*value = in->read<uint16_t>();
		break;
	case DW_EH_PE_sdata2:
		*value = static_cast<uint64_t>(int64_t{in->read<int16_t>()});
		break;
	case DW_EH_PE_uleb128:
		*value = read_uleb128(in);
		break;
	case DW_EH_PE_sleb128:
		*value = static_cast<uint64_t>(read_sleb128(in));
		break;
	default:
		return false;
	}
	const unsigned relative_to = encoding & 0xf0;
	if (relative_to == DW_EH_PE_pcrel)
		*value += place;
	else if (relative_to != DW_EH_PE_absptr)
		return false;
	return in->ok();
}

bool run_call_frame_program(const CallFrameTable::Common &common, const CallFrameProgram &own, UnwindMachine machine,
			    uint64_t address, CallFrameRow *row)
{
	*row = CallFrameRow{};
	row->return_register = common.return_register;
	row->signal_frame = common.signal_frame;
	Interpreter interpreter(common, machine, address, row);
	if (!interpreter.run({common.instructions, 0, 0}, nullptr))
		return false;
	const CallFrameRow initial = *row;
	return interpreter.run(own, &initial);
}

} // namespace neuroperf::recording
