// SPDX-License-Identifier: Apache-2.0
#include "collector/value_expression.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

namespace neuroperf::collector {
namespace {

constexpr int kDeepest = 32;
constexpr int64_t kLargestNumber = int64_t{1} << 40;

struct ReadWord {
	std::string_view word;
	uint8_t size;
};
constexpr ReadWord kReads[] = {{"*", 8}, {"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8}};

class Parser {
public:
	explicit Parser(std::string_view text) : text_(text) {}

	Result<np_read> value()
	{
		np_read read{};
		parse_sum(&read, 0);
		return end(read);
	}

	Result<np_read> string()
	{
		np_read read{};
		const bool is_std = take("std_string");
		if (!is_std && !take("c_string"))
			fail("a string is c_string(...) or std_string(...)");
		parse_in_brackets(&read, 0);
		read.as = is_std ? NP_AS_STD_STRING : NP_AS_C_STRING;
		return end(read);
	}

private:
	Result<np_read> end(const np_read &read)
	{
		skip_spaces();
		if (!error_ && at_ < text_.size())
			fail("nothing was expected here");
		if (error_)
			return *error_;
		return read;
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

	void parse_sum(np_read *read, int depth)
	{
		parse_term(read, depth);
		while (!error_) {
			if (take("+"))
				read->add += number();
			else if (take("-"))
				read->add -= number();
			else
				return;
		}
	}

	void parse_term(np_read *read, int depth)
	{
		if (take("arg")) {
			const char digit = at_ < text_.size() ? text_[at_] : ' ';
			if (digit < '1' || digit > '6')
				return fail("arguments are arg1 to arg6");
			at_++;
			read->from = static_cast<uint8_t>(NP_READ_ARGUMENT_1 + (digit - '1'));
			return;
		}
		for (const ReadWord &known : kReads)
			if (take(known.word)) {
				parse_in_brackets(read, depth);
				return add_step(read, known.size);
			}
		skip_spaces();
		if (at_ >= text_.size() || std::isdigit(static_cast<unsigned char>(text_[at_])) == 0)
			return fail("arg1 to arg6, *(...), u8(...) to u64(...) or a number was expected");
		read->from = NP_READ_CONSTANT;
		read->add += number();
	}

	void parse_in_brackets(np_read *read, int depth)
	{
		if (depth > kDeepest)
			return fail("too deep");
		if (!take("("))
			return fail("( was expected");
		parse_sum(read, depth + 1);
		if (!error_ && !take(")"))
			fail(") was expected");
	}

	void add_step(np_read *read, uint8_t size)
	{
		if (error_)
			return;
		if (read->from == NP_READ_CONSTANT)
			return fail("memory at a fixed address means nothing in another process");
		if (read->steps == NP_READ_STEPS)
			return fail(fmt::format("more than {} reads", NP_READ_STEPS));
		if (read->steps > 0 && read->last_size != 8)
			return fail("only the outermost read may be smaller than a pointer");
		if (read->add < std::numeric_limits<int32_t>::min() || read->add > std::numeric_limits<int32_t>::max())
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

Result<np_read> parse_value(std::string_view text)
{
	return Parser(text).value();
}

Result<np_read> parse_string(std::string_view text)
{
	return Parser(text).string();
}

} // namespace neuroperf::collector
