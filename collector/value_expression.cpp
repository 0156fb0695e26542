// SPDX-License-Identifier: Apache-2.0
#include "collector/value_expression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

namespace neuroperf::collector {
namespace {

constexpr int kDeepest = 32;
constexpr int64_t kLargestNumber = int64_t{1} << 40;
constexpr std::size_t kMostReferences = 8;
constexpr int64_t kLargestElement = 65536;

bool fits_offset(int64_t number)
{
	return number >= std::numeric_limits<int32_t>::min() && number <= std::numeric_limits<int32_t>::max();
}

struct ReadWord {
	std::string_view word;
	uint8_t size;
};
constexpr ReadWord kReads[] = {{"*", 8}, {"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8}};

class Parser {
public:
	explicit Parser(std::string_view text) : text_(text) {}

	Result<ValueExpression> value()
	{
		ValueExpression read;
		parse_sum(&read, 0);
		return end(std::move(read));
	}

	Result<ValueExpression> string()
	{
		ValueExpression read;
		const bool is_std = take("std_string"), is_type = !is_std && take("type_name");
		if (!is_std && !is_type && !take("c_string"))
			fail("a string is c_string(...), std_string(...) or type_name(...)");
		parse_in_brackets(&read, 0);
		if (is_type)
			follow_to_type_name(&read);
		read.as = is_std ? NP_AS_STD_STRING : is_type ? NP_AS_TYPE_NAME : NP_AS_C_STRING;
		return end(std::move(read));
	}

	Result<CountExpression> count()
	{
		CountExpression count;
		if (take("vector_size")) {
			vector_size(&count);
			return end(std::move(count));
		}
		if (!take("sum_u8")) {
			parse_sum(&count.value, 0);
			return end(std::move(count));
		}
		expect("(");
		parse_sum(&count.value, 1);
		expect(",");
		parse_sum(&count.bytes, 1);
		expect(")");
		return end(std::move(count));
	}

private:
	// A std::vector begins with pointers to its first element and behind its last one.
	void vector_size(CountExpression *count)
	{
		expect("(");
		parse_sum(&count->value, 1);
		count->bytes = count->value;
		count->bytes.add += 8;
		add_step(&count->value, 8);
		add_step(&count->bytes, 8);
		expect(",");
		if (!digit_follows())
			return fail("the bytes of one element were expected");
		const int64_t bytes = number();
		if (bytes < 1 || bytes > kLargestElement)
			return fail(fmt::format("elements have 1 to {} bytes", kLargestElement));
		count->element_bytes = static_cast<uint32_t>(bytes);
		expect(")");
	}

	template <typename Expression> Result<Expression> end(Expression read)
	{
		skip_spaces();
		if (!error_ && at_ < text_.size())
			fail("nothing was expected here");
		if (error_)
			return *error_;
		return read;
	}

	void expect(std::string_view mark)
	{
		if (!error_ && !take(mark))
			fail(fmt::format("{} was expected", mark));
	}

	void fail(std::string_view what)
	{
		if (!error_)
			error_ = Error{ErrorCode::format, fmt::format("\"{}\", column {}: {}", text_, at_ + 1, what), 0,
				       ""};
	}

	void skip_spaces()
	{
		while (at_ < text_.size() && text_[at_] == ' ')
			at_++;
	}

	bool take(std::string_view word)
	{
		skip_spaces();
		if (!text_.substr(at_).starts_with(word))
			return false;
		at_ += word.size();
		return true;
	}

	int64_t number()
	{
		skip_spaces();
		const std::string_view rest = text_.substr(at_);
		const bool is_hex = rest.starts_with("0x");
		const char *const first = rest.data() + (is_hex ? 2 : 0), *const last = rest.data() + rest.size();
		int64_t found = 0;
		const auto [behind, code] = std::from_chars(first, last, found, is_hex ? 16 : 10);
		if (code != std::errc() || found < 0 || found > kLargestNumber) {
			fail("a number from 0 to 2^40 was expected");
			return 0;
		}
		at_ = static_cast<std::size_t>(behind - text_.data());
		return found;
	}

	void parse_sum(ValueExpression *read, int depth)
	{
		parse_term(read, depth);
		while (!error_) {
			if (take("+"))
				parse_summand(read, 1);
			else if (take("-"))
				parse_summand(read, -1);
			else
				return;
		}
	}

	void parse_summand(ValueExpression *read, int64_t sign)
	{
		if (take("file_u32"))
			return refer(FileReference::What::number, sign, read);
		if (take("index"))
			return add_index(sign, read);
		const int64_t found = number();
		if (!error_ && take("*")) {
			if (take("index"))
				return add_index(sign * found, read);
			if (!take("file_u32"))
				return fail("file_u32(...) or index was expected");
			return refer(FileReference::What::number, sign * found, read);
		}
		read->add += sign * found;
	}

	void refer(FileReference::What what, int64_t times, ValueExpression *read)
	{
		expect("(");
		expect("\"");
		const std::size_t end = error_ ? text_.npos : text_.find('"', at_);
		if (end == text_.npos || end == at_)
			return fail("a symbol in quotation marks was expected");
		add_reference({what, std::string(text_.substr(at_, end - at_)), times, read->steps}, read);
		at_ = end + 1;
		expect(")");
	}

	void add_reference(FileReference reference, ValueExpression *read)
	{
		if (read->references.size() == kMostReferences)
			return fail(fmt::format("more than {} symbols", kMostReferences));
		read->references.push_back(std::move(reference));
	}

	void add_index(int64_t scale, ValueExpression *read)
	{
		if (read->uses_index())
			return fail("an index is added once");
		if (scale == 0 || scale < std::numeric_limits<int16_t>::min() ||
		    scale > std::numeric_limits<int16_t>::max())
			return fail("elements of an array have 1 to 32767 bytes");
		read->index_scale = static_cast<int16_t>(scale);
		read->index_step = read->steps;
	}

	bool digit_follows()
	{
		skip_spaces();
		return at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0;
	}

	void parse_term(ValueExpression *read, int depth)
	{
		if (take("arg")) {
			const char digit = at_ < text_.size() ? text_[at_] : ' ';
			if (digit < '1' || digit > '6')
				return fail("arguments are arg1 to arg6");
			at_++;
			read->from = static_cast<uint8_t>(NP_READ_ARGUMENT_1 + (digit - '1'));
			return;
		}
		if (take("result")) {
			read->from = NP_READ_RESULT;
			return;
		}
		if (take("data")) {
			read->from = NP_READ_FILE;
			return refer(FileReference::What::address, 1, read);
		}
		if (take("element")) {
			read->from = NP_READ_FILE;
			return add_reference({FileReference::What::element, "element", 1, read->steps}, read);
		}
		for (const ReadWord &known : kReads)
			if (take(known.word)) {
				parse_in_brackets(read, depth);
				return add_step(read, known.size);
			}
		if (!digit_follows())
			return fail("arg1 to arg6, result, element, data(...), *(...), u8(...) to u64(...) or a number "
				    "was expected");
		read->from = NP_READ_CONSTANT;
		read->add += number();
	}

	// The object's table of virtual functions, behind the pointer to its typeinfo, which has the name.
	void follow_to_type_name(ValueExpression *read)
	{
		add_step(read, 8);
		read->add -= 8;
		add_step(read, 8);
		read->add += 8;
		add_step(read, 8);
	}

	void parse_in_brackets(ValueExpression *read, int depth)
	{
		if (depth > kDeepest)
			return fail("too deep");
		expect("(");
		parse_sum(read, depth + 1);
		expect(")");
	}

	void add_step(ValueExpression *read, uint8_t size)
	{
		if (error_)
			return;
		if (read->from == NP_READ_CONSTANT)
			return fail("memory at a fixed address means nothing in another process");
		if (read->steps == NP_READ_STEPS)
			return fail(fmt::format("more than {} reads", NP_READ_STEPS));
		if (read->steps > 0 && read->last_size != 8)
			return fail("only the outermost read may be smaller than a pointer");
		if (!fits_offset(read->add))
			return fail("an offset does not fit 32 bits");
		read->offsets[read->steps++] = static_cast<int32_t>(read->add);
		read->add = 0;
		read->last_size = size;
	}

	std::string_view text_;
	std::size_t at_ = 0;
	std::optional<Error> error_;
};

} // namespace

bool ValueExpression::uses_element() const
{
	return std::any_of(references.begin(), references.end(), [](const FileReference &reference) {
		return reference.what == FileReference::What::element;
	});
}

Result<ValueExpression> parse_value(std::string_view text)
{
	return Parser(text).value();
}

Result<ValueExpression> parse_string(std::string_view text)
{
	return Parser(text).string();
}

Result<CountExpression> parse_count(std::string_view text)
{
	return Parser(text).count();
}

Result<np_read> resolve(const ValueExpression &value,
			const std::function<std::optional<int64_t>(const FileReference &)> &value_of)
{
	np_read read = value;
	for (const FileReference &reference : value.references) {
		const auto found = value_of(reference);
		int64_t product = 0, sum = 0;
		if (!found)
			return Error{ErrorCode::not_found, fmt::format("no {} in the file", reference.symbol), 0, ""};
		const bool last = reference.step == read.steps;
		const bool overflows =
			__builtin_mul_overflow(*found, reference.times, &product) ||
			__builtin_add_overflow(product, last ? read.add : read.offsets[reference.step], &sum);
		if (overflows || (!last && !fits_offset(sum)))
			return Error{ErrorCode::format, fmt::format("{} is too large", reference.symbol), 0, ""};
		if (last)
			read.add = sum;
		else
			read.offsets[reference.step] = static_cast<int32_t>(sum);
	}
	return read;
}

} // namespace neuroperf::collector
