// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/display_text.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "analyzer/utf8.hpp"

namespace neuroperf::viewer {

using analyzer::CodePoint;
using analyzer::decode_utf8;

namespace {

struct Range {
	char32_t first, last;
};

// Sorted. East Asian Wide and Fullwidth of Unicode's EastAsianWidth.txt and emoji, in whole blocks: a rare unassigned
// character counted too wide costs a space.
constexpr Range kWide[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
	{0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x274c, 0x274c},   {0x2753, 0x2755},
	{0x2795, 0x2797},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
	{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
	{0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
	{0x16fe0, 0x18aff}, {0x1aff0, 0x1b2ff}, {0x1f1e6, 0x1f202}, {0x1f210, 0x1f265}, {0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

// Sorted. Marks that stand on the character before them.
constexpr Range kCombining[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
	{0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200c, 0x200d},
	{0x20d0, 0x20ff}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

// Sorted. What would act instead of being seen: controls, line separators, direction marks, tags, noncharacters.
constexpr Range kUnseen[] = {
	{0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x061c, 0x061c}, {0x180e, 0x180e},
	{0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xe000, 0xf8ff},
	{0xfdd0, 0xfdef}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff},
};

template <std::size_t N> bool in(const Range (&ranges)[N], char32_t value)
{
	auto after = std::upper_bound(std::begin(ranges), std::end(ranges), value,
				      [](char32_t v, const Range &range) { return v < range.first; });
	return after != std::begin(ranges) && value <= std::prev(after)->last;
}

std::size_t width_of(char32_t value)
{
	if (in(kCombining, value))
		return 0;
	return in(kWide, value) ? 2 : 1;
}

void append_escaped(std::string &out, CodePoint point)
{
	const auto value = static_cast<unsigned>(point.value);
	if (value < 0x100)
		out += fmt::format("\\x{:02x}", value);
	else if (value < 0x10000)
		out += fmt::format("\\u{:04x}", value);
	else
		out += fmt::format("\\U{:08x}", value);
}

// Bytes at the start of `text` that fit `width` columns, with the marks that belong to the last one.
std::size_t bytes_that_fit(std::string_view text, std::size_t width)
{
	std::size_t used = 0, bytes = 0;
	while (bytes < text.size()) {
		const CodePoint point = decode_utf8(text.substr(bytes));
		const std::size_t wide = width_of(point.value);
		if (used + wide > width)
			break;
		used += wide;
		bytes += point.length;
	}
	return bytes;
}

// The end of `text` that fits `width` columns.
std::string_view tail_that_fits(std::string_view text, std::size_t width)
{
	std::size_t left = display_width(text), start = 0;
	while (start < text.size()) {
		const CodePoint point = decode_utf8(text.substr(start));
		const std::size_t wide = width_of(point.value);
		if (left <= width && wide > 0) // never begin with a mark that lost its character
			break;
		left -= std::min(left, wide);
		start += point.length;
	}
	return text.substr(start);
}

} // namespace

std::string printable(std::string_view text, bool unicode)
{
	std::string out;
	out.reserve(text.size());
	while (!text.empty()) {
		const CodePoint point = decode_utf8(text);
		if (!point.valid || in(kUnseen, point.value) || (!unicode && point.value >= 0x80))
			append_escaped(out, point);
		else
			out.append(text.substr(0, point.length));
		text.remove_prefix(point.length);
	}
	return out;
}

std::size_t display_width(std::string_view text)
{
	std::size_t width = 0;
	while (!text.empty()) {
		const CodePoint point = decode_utf8(text);
		width += width_of(point.value);
		text.remove_prefix(point.length);
	}
	return width;
}

std::string shorten_middle(std::string_view text, std::size_t width, bool unicode)
{
	if (display_width(text) <= width)
		return std::string(text);
	const std::string_view ellipsis = unicode ? "…" : "..";
	const std::size_t ellipsis_width = unicode ? 1 : 2;
	if (width <= ellipsis_width)
		return std::string(text.substr(0, bytes_that_fit(text, width)));
	const std::size_t room = width - ellipsis_width;
	const std::size_t head = (room + 1) / 2;
	std::string out(text.substr(0, bytes_that_fit(text, head)));
	out += ellipsis;
	out += tail_that_fits(text, room - head);
	return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width)
{
	std::vector<std::string> lines;
	while (width > 0 && !text.empty()) {
		const std::size_t fits = std::max<std::size_t>(bytes_that_fit(text, width), decode_utf8(text).length);
		if (fits >= text.size())
			break;
		std::size_t space = text[fits] == ' ' ? fits : text.rfind(' ', fits - 1);
		if (space == std::string_view::npos || space == 0)
			space = fits; // one word longer than the line
		lines.emplace_back(text.substr(0, space));
		text.remove_prefix(space);
		while (!text.empty() && text[0] == ' ')
			text.remove_prefix(1);
	}
	if (!text.empty() || lines.empty())
		lines.emplace_back(text);
	return lines;
}

} // namespace neuroperf::viewer
