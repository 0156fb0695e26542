// SPDX-License-Identifier: Apache-2.0
#include "analyzer/utf8.hpp"

namespace neuroperf::analyzer {

namespace {

struct Lead {
	unsigned length = 0; // 0: cannot start a sequence
	char32_t bits = 0;
	char32_t least = 0; // smaller values would be overlong
};

Lead lead_of(unsigned char byte)
{
	if (byte < 0x80)
		return {1, byte, 0};
	if (byte >= 0xc2 && byte < 0xe0)
		return {2, byte & 0x1fu, 0x80};
	if (byte >= 0xe0 && byte < 0xf0)
		return {3, byte & 0x0fu, 0x800};
	if (byte >= 0xf0 && byte < 0xf5)
		return {4, byte & 0x07u, 0x10000};
	return {};
}

} // namespace

CodePoint decode_utf8(std::string_view text)
{
	const auto first = static_cast<unsigned char>(text[0]);
	const CodePoint invalid{first, 1, false};
	const Lead lead = lead_of(first);
	if (lead.length == 0 || lead.length > text.size())
		return invalid;
	char32_t value = lead.bits;
	for (unsigned i = 1; i < lead.length; i++) {
		const auto byte = static_cast<unsigned char>(text[i]);
		if ((byte & 0xc0) != 0x80)
			return invalid;
		value = value << 6 | (byte & 0x3fu);
	}
	const bool surrogate = value >= 0xd800 && value < 0xe000;
	if (value < lead.least || value > 0x10ffff || surrogate)
		return invalid;
	return {value, lead.length, true};
}

void append_utf8(std::string &out, char32_t value)
{
	const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
	if (value < 0x80) {
		put(value);
	} else if (value < 0x800) {
		put(0xc0 | value >> 6);
		put(0x80 | (value & 0x3f));
	} else if (value < 0x10000) {
		put(0xe0 | value >> 12);
		put(0x80 | (value >> 6 & 0x3f));
		put(0x80 | (value & 0x3f));
	} else {
		put(0xf0 | value >> 18);
		put(0x80 | (value >> 12 & 0x3f));
		put(0x80 | (value >> 6 & 0x3f));
		put(0x80 | (value & 0x3f));
	}
}

std::string to_valid_utf8(std::string_view text)
{
	std::string out;
	out.reserve(text.size());
	while (!text.empty()) {
		const CodePoint point = decode_utf8(text);
		append_utf8(out, point.valid ? point.value : U'\ufffd');
		text.remove_prefix(point.length);
	}
	return out;
}

} // namespace neuroperf::analyzer
