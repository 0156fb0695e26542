// SPDX-License-Identifier: Apache-2.0
#include "analyzer/dwarf_expression.hpp"

#include <array>

#include <dwarf.h>

#include "recording/bytes.hpp"
#include "recording/leb128.hpp"

namespace neuroperf::analyzer {

using recording::read_sleb128;
using recording::read_uleb128;

namespace {

using recording::Cursor;

constexpr unsigned kMaximumSteps = 1000;

class Evaluator {
public:
	Evaluator(std::string_view code, const ExpressionContext &context) : code_(code), in_(code), context_(context)
	{
	}

	bool run()
	{
		unsigned steps = 0;
		while (ok_ && in_.ok() && in_.left() > 0 && !ended_) {
			if (++steps > kMaximumSteps)
				return false;
			step(in_.read<uint8_t>());
		}
		return ok_ && in_.ok();
	}

	void push(uint64_t value)
	{
		if (depth_ == stack_.size())
			ok_ = false;
		else
			stack_[depth_++] = value;
	}

	uint64_t pop()
	{
		if (depth_ > 0)
			return stack_[--depth_];
		ok_ = false;
		return 0;
	}

	bool ok() const { return ok_; }

private:
	void step(uint8_t operation);
	bool constant(uint8_t operation);
	bool rearrange(uint8_t operation);
	bool unary(uint8_t operation);
	bool binary(uint8_t operation);
	void push_register(uint64_t number, int64_t offset);
	void push_copy(std::size_t from_top);
	void dereference(std::size_t size);
	void jump(int16_t distance);
	static bool calculate(uint8_t operation, uint64_t left, uint64_t right, uint64_t *result);

	std::string_view code_;
	Cursor in_;
	const ExpressionContext &context_;
	std::array<uint64_t, 64> stack_ = {};
	std::size_t depth_ = 0;
	bool ok_ = true;
	bool ended_ = false;
};

void Evaluator::step(uint8_t operation)
{
	if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
		push(operation - DW_OP_lit0);
	} else if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
		push_register(operation - DW_OP_breg0, read_sleb128(&in_));
	} else if (operation == DW_OP_bregx) {
		const uint64_t number = read_uleb128(&in_);
		push_register(number, read_sleb128(&in_));
	} else if (operation == DW_OP_deref) {
		dereference(8);
	} else if (operation == DW_OP_deref_size) {
		dereference(in_.read<uint8_t>());
	} else if (operation == DW_OP_skip) {
		jump(in_.read<int16_t>());
	} else if (operation == DW_OP_bra) {
		const auto distance = in_.read<int16_t>();
		if (pop() != 0)
			jump(distance);
	} else if (operation == DW_OP_stack_value) {
		ended_ = true;
	} else if (operation != DW_OP_nop) {
		ok_ = constant(operation) || rearrange(operation) || unary(operation) || binary(operation);
	}
}

bool Evaluator::constant(uint8_t operation)
{
	uint64_t value = 0;
	switch (operation) {
	case DW_OP_addr:
		value = in_.read<uint64_t>() + context_.bias;
		break;
	case DW_OP_const1u:
		value = in_.read<uint8_t>();
		break;
	case DW_OP_const1s:
		value = static_cast<uint64_t>(int64_t{in_.read<int8_t>()});
		break;
	case DW_OP_const2u:
		value = in_.read<uint16_t>();
		break;
	case DW_OP_const2s:
		value = static_cast<uint64_t>(int64_t{in_.read<int16_t>()});
		break;
	case DW_OP_const4u:
		value = in_.read<uint32_t>();
		break;
	case DW_OP_const4s:
		value = static_cast<uint64_t>(int64_t{in_.read<int32_t>()});
		break;
	case DW_OP_const8u:
	case DW_OP_const8s:
		value = in_.read<uint64_t>();
		break;
	case DW_OP_constu:
		value = read_uleb128(&in_);
		break;
	case DW_OP_consts:
		value = static_cast<uint64_t>(read_sleb128(&in_));
		break;
	default:
		return false;
	}
	push(value);
	return ok_;
}

bool Evaluator::rearrange(uint8_t operation)
{
	switch (operation) {
	case DW_OP_dup:
		push_copy(0);
		break;
	case DW_OP_over:
		push_copy(1);
		break;
	case DW_OP_pick:
		push_copy(in_.read<uint8_t>());
		break;
	case DW_OP_drop:
		pop();
		break;
	case DW_OP_swap: {
		const uint64_t first = pop(), second = pop();
		push(first);
		push(second);
		break;
	}
	case DW_OP_rot: {
		const uint64_t first = pop(), second = pop(), third = pop();
		push(first);
		push(third);
		push(second);
		break;
	}
	default:
		return false;
	}
	return ok_;
}

bool Evaluator::unary(uint8_t operation)
{
	switch (operation) {
	case DW_OP_plus_uconst: {
		const uint64_t addend = read_uleb128(&in_);
		push(pop() + addend);
		break;
	}
	case DW_OP_neg:
		push(-pop());
		break;
	case DW_OP_not:
		push(~pop());
		break;
	case DW_OP_abs: {
		const uint64_t value = pop();
		push(static_cast<int64_t>(value) < 0 ? -value : value);
		break;
	}
	default:
		return false;
	}
	return ok_;
}

bool Evaluator::binary(uint8_t operation)
{
	const uint64_t right = pop(), left = pop();
	uint64_t result = 0;
	if (!calculate(operation, left, right, &result))
		return false;
	push(result);
	return ok_;
}

bool Evaluator::calculate(uint8_t operation, uint64_t left, uint64_t right, uint64_t *result)
{
	const auto signed_left = static_cast<int64_t>(left), signed_right = static_cast<int64_t>(right);
	const bool overflows = signed_left == INT64_MIN && signed_right == -1;
	switch (operation) {
	case DW_OP_and:
		*result = left & right;
		return true;
	case DW_OP_or:
		*result = left | right;
		return true;
	case DW_OP_xor:
		*result = left ^ right;
		return true;
	case DW_OP_plus:
		*result = left + right;
		return true;
	case DW_OP_minus:
		*result = left - right;
		return true;
	case DW_OP_mul:
		*result = left * right;
		return true;
	case DW_OP_div: // signed, and mod unsigned, as DWARF 5 and gcc's unwinder have it
		*result = right == 0 || overflows ? 0 : static_cast<uint64_t>(signed_left / signed_right);
		return right != 0 && !overflows;
	case DW_OP_mod:
		*result = right == 0 ? 0 : left % right;
		return right != 0;
	case DW_OP_shl:
		*result = right < 64 ? left << right : 0;
		return true;
	case DW_OP_shr:
		*result = right < 64 ? left >> right : 0;
		return true;
	case DW_OP_shra:
		*result = static_cast<uint64_t>(signed_left >> (right < 64 ? right : 63));
		return true;
	case DW_OP_eq:
		*result = left == right;
		return true;
	case DW_OP_ne:
		*result = left != right;
		return true;
	case DW_OP_ge:
		*result = signed_left >= signed_right;
		return true;
	case DW_OP_gt:
		*result = signed_left > signed_right;
		return true;
	case DW_OP_le:
		*result = signed_left <= signed_right;
		return true;
	case DW_OP_lt:
		*result = signed_left < signed_right;
		return true;
	default:
		return false;
	}
}

void Evaluator::push_register(uint64_t number, int64_t offset)
{
	if (number >= UnwindRegisters::kCount || !context_.registers.knows(static_cast<unsigned>(number)))
		ok_ = false;
	else
		push(context_.registers.value[number] + static_cast<uint64_t>(offset));
}

void Evaluator::push_copy(std::size_t from_top)
{
	if (from_top >= depth_)
		ok_ = false;
	else
		push(stack_[depth_ - 1 - from_top]);
}

void Evaluator::dereference(std::size_t size)
{
	uint64_t value = 0;
	const uint64_t address = pop();
	ok_ = ok_ && size >= 1 && size <= 8 && context_.stack.read(address, size, &value);
	push(value);
}

void Evaluator::jump(int16_t distance)
{
	const int64_t to = static_cast<int64_t>(in_.position()) + distance;
	if (to < 0 || static_cast<uint64_t>(to) > code_.size()) {
		ok_ = false;
		return;
	}
	in_ = Cursor(code_);
	in_.skip(static_cast<std::size_t>(to));
}

} // namespace

bool evaluate_expression(std::string_view code, const ExpressionContext &context, const uint64_t *initial,
			 uint64_t *result)
{
	Evaluator evaluator(code, context);
	if (initial != nullptr)
		evaluator.push(*initial);
	if (!evaluator.run())
		return false;
	*result = evaluator.pop();
	return evaluator.ok();
}

} // namespace neuroperf::analyzer
