// SPDX-License-Identifier: Apache-2.0
#include "recording/ftrace_text.hpp"

#include <charconv>

namespace neuroperf::recording {
namespace {

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

// Reads from the front of what is left of a line.
class Words {
public:
	explicit Words(std::string_view left) : left_(left) {}

	void skip_blanks()
	{
		while (!left_.empty() && (left_[0] == ' ' || left_[0] == '\t'))
			left_.remove_prefix(1);
	}
	bool take(char c)
	{
		if (left_.empty() || left_[0] != c)
			return false;
		left_.remove_prefix(1);
		return true;
	}
	template <typename T> bool number(T *value)
	{
		const auto [end, code] = std::from_chars(left_.data(), left_.data() + left_.size(), *value);
		if (code != std::errc() || left_.empty() || !is_digit(left_[0]))
			return false;
		left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
		return true;
	}
	std::string_view word()
	{
		std::size_t end = 0;
		while (end < left_.size() && left_[end] != ' ' && left_[end] != '\t')
			end++;
		const std::string_view found = left_.substr(0, end);
		left_.remove_prefix(end);
		return found;
	}
	std::string_view name()
	{
		std::size_t end = 0;
		while (end < left_.size() && is_name(left_[end]))
			end++;
		const std::string_view found = left_.substr(0, end);
		left_.remove_prefix(end);
		return found;
	}
	std::string_view left() const { return left_; }

private:
	std::string_view left_;
};

// "12.345678": seconds and a fraction of 1 to 9 digits.
std::optional<uint64_t> nanoseconds(std::string_view text)
{
	uint64_t seconds = 0, fraction = 0;
	Words words(text);
	if (!words.number(&seconds) || !words.take('.') || seconds > UINT64_MAX / 1'000'000'000 - 1)
		return std::nullopt;
	const std::size_t digits = words.left().size();
	if (digits == 0 || digits > 9 || !words.number(&fraction) || !words.left().empty())
		return std::nullopt;
	for (std::size_t i = digits; i < 9; i++)
		fraction *= 10;
	return seconds * 1'000'000'000 + fraction;
}

// What follows the name and its dash.
bool parse_rest(std::string_view text, FtraceLine *line)
{
	Words words(text);
	if (!words.number(&line->tid))
		return false;
	const bool apart = !words.left().empty() && (words.left()[0] == ' ' || words.left()[0] == '\t');
	words.skip_blanks();
	if (words.take('(')) {
		words.skip_blanks();
		uint32_t tgid = 0;
		if (words.number(&tgid))
			line->tgid = tgid;
		else
			while (words.take('-')) {
			}
		if (!words.take(')'))
			return false;
		words.skip_blanks();
	}
	if (!apart || !words.take('[') || !words.number(&line->cpu) || !words.take(']'))
		return false;
	for (int i = 0; i < 2; i++) { // flags, then the time; or the time
		words.skip_blanks();
		std::string_view word = words.word();
		if (word.empty() || word.back() != ':')
			continue;
		word.remove_suffix(1);
		const auto time = nanoseconds(word);
		if (!time)
			continue;
		line->time_ns = *time;
		words.skip_blanks();
		line->event = words.name();
		const bool colon = words.take(':');
		if (colon)
			words.skip_blanks();
		line->text = words.left();
		return !line->event.empty();
	}
	return false;
}

} // namespace

std::optional<FtraceLine> parse_ftrace_line(std::string_view text)
{
	while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
		text.remove_suffix(1);
	Words words(text);
	words.skip_blanks();
	const std::string_view whole = words.left();
	if (whole.empty() || whole[0] == '#')
		return std::nullopt;
	FtraceLine line;
	for (std::size_t dash = whole.find('-'); dash != whole.npos; dash = whole.find('-', dash + 1)) {
		line = {};
		line.comm = whole.substr(0, dash);
		if (parse_rest(whole.substr(dash + 1), &line))
			return line;
	}
	return std::nullopt;
}

TextPattern::TextPattern(std::string_view pattern)
{
	std::string piece;
	for (std::size_t at = 0; at < pattern.size(); at++) {
		const std::size_t end = pattern[at] == '{' ? pattern.find('}', at) : pattern.npos;
		if (end == pattern.npos) {
			piece += pattern[at];
			continue;
		}
		std::string_view name = pattern.substr(at + 1, end - at - 1);
		const bool hexadecimal = name.ends_with(":x");
		if (hexadecimal)
			name.remove_suffix(2);
		pieces_.push_back(std::move(piece));
		piece.clear();
		fields_.push_back({std::string(name), hexadecimal});
		at = end;
	}
	pieces_.push_back(std::move(piece));
}

bool TextPattern::match(std::string_view text, std::vector<std::string_view> *values) const
{
	values->clear();
	if (!text.starts_with(pieces_.front()))
		return false;
	text.remove_prefix(pieces_.front().size());
	for (std::size_t i = 0; i < fields_.size(); i++) {
		const std::string &behind = pieces_[i + 1];
		const bool last = i + 1 == fields_.size();
		const std::size_t end = last && behind.empty() ? text.size() : text.find(behind);
		if (end == text.npos || (last && end + behind.size() != text.size()))
			return false;
		values->push_back(text.substr(0, end));
		text.remove_prefix(end + behind.size());
	}
	return true;
}

std::optional<uint64_t> number_of(std::string_view text, bool hexadecimal)
{
	if (hexadecimal && (text.starts_with("0x") || text.starts_with("0X")))
		text.remove_prefix(2);
	const bool negative = !hexadecimal && text.starts_with('-');
	uint64_t value = 0;
	const char *first = text.data() + (negative ? 1 : 0), *last = text.data() + text.size();
	const auto [end, code] = std::from_chars(first, last, value, hexadecimal ? 16 : 10);
	if (code != std::errc() || end != last || first == last)
		return std::nullopt;
	return negative ? ~value + 1 : value;
}

} // namespace neuroperf::recording
