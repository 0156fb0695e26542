// SPDX-License-Identifier: Apache-2.0
#include "analyzer/punycode.hpp"

#include <algorithm>
#include <vector>

#include "analyzer/utf8.hpp"

namespace neuroperf::analyzer {

bool decode_punycode(std::string_view text, std::string *out)
{
	std::vector<uint32_t> characters;
	const std::size_t delimiter = text.rfind('_');
	if (delimiter != std::string_view::npos) {
		characters.assign(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(delimiter));
		text.remove_prefix(delimiter + 1);
	}
	uint64_t code = 128, place = 0, bias = 72, damping = 700;
	for (std::size_t at = 0; at < text.size();) {
		const uint64_t before = place;
		for (uint64_t weight = 1, k = 36;; k += 36) {
			if (at >= text.size() || weight > UINT32_MAX)
				return false;
			const char c = text[at++];
			const bool is_letter = c >= 'a' && c <= 'z';
			if (!is_letter && (c < '0' || c > '9'))
				return false;
			const auto digit = static_cast<uint64_t>(is_letter ? c - 'a' : c - '0' + 26);
			place += digit * weight;
			const uint64_t threshold = k <= bias ? 1 : std::min<uint64_t>(k - bias, 26);
			if (digit < threshold)
				break;
			weight *= 36 - threshold;
		}
		const uint64_t count = characters.size() + 1;
		uint64_t delta = (place - before) / damping, steps = 0;
		damping = 2;
		for (delta += delta / count; delta > 455; steps += 36)
			delta /= 35;
		bias = steps + 36 * delta / (delta + 38);
		code += place / count;
		place %= count;
		if (code > 0x10ffff || count > 4096)
			return false;
		characters.insert(characters.begin() + static_cast<std::ptrdiff_t>(place++),
				  static_cast<uint32_t>(code));
	}
	return std::all_of(characters.begin(), characters.end(), [&](uint32_t c) { return append_character(c, out); });
}

bool append_character(uint32_t code, std::string *out)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
		return false;
	append_utf8(*out, code);
	return true;
}

} // namespace neuroperf::analyzer
