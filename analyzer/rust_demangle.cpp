// SPDX-License-Identifier: Apache-2.0
#include "analyzer/rust_demangle.hpp"

#include "analyzer/punycode.hpp"
#include "analyzer/rust_v0.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr std::size_t kMaximumMangled = std::size_t{64} << 10;
constexpr std::size_t kHash = 17; // 'h' and 16 digits

bool is_hexadecimal(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// A hash has many different digits; a C++ name that happens to look like one has not.
bool is_hash(std::string_view text)
{
	if (text.size() != kHash || text[0] != 'h')
		return false;
	unsigned seen = 0, different = 0;
	for (const char c : text.substr(1)) {
		if (!is_hexadecimal(c))
			return false;
		const unsigned bit = 1U << static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
		different += (seen & bit) == 0 ? 1 : 0;
		seen |= bit;
	}
	return different >= 5;
}

// "$LT$" and the like: what identifiers of assemblers cannot hold. Takes it off the text.
bool take_escape(std::string_view *text, std::string *out)
{
	constexpr std::pair<std::string_view, char> kEscapes[] = {{"$SP$", '@'}, {"$BP$", '*'}, {"$RF$", '&'},
								  {"$LT$", '<'}, {"$GT$", '>'}, {"$LP$", '('},
								  {"$RP$", ')'}, {"$C$", ','}};
	for (const auto &[escape, character] : kEscapes)
		if (text->substr(0, escape.size()) == escape) {
			*out += character;
			text->remove_prefix(escape.size());
			return true;
		}
	const std::size_t end = text->find('$', 1);
	if (text->substr(0, 2) != "$u" || end == std::string_view::npos || end < 3 || end > 8)
		return false;
	uint32_t code = 0;
	for (const char c : text->substr(2, end - 2)) {
		if (!is_hexadecimal(c))
			return false;
		code = code * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (!append_character(code, out))
		return false;
	text->remove_prefix(end + 1);
	return true;
}

bool append_segment(std::string_view segment, std::string *out)
{
	if (segment.substr(0, 2) == "_$") // the underscore only keeps it from beginning with an escape
		segment.remove_prefix(1);
	while (!segment.empty()) {
		if (segment[0] == '$') {
			if (!take_escape(&segment, out))
				return false;
		} else if (segment.substr(0, 2) == "..") {
			*out += "::";
			segment.remove_prefix(2);
		} else {
			*out += segment[0];
			segment.remove_prefix(1);
		}
	}
	return true;
}

// _ZN, segments with their lengths before them, the last a hash, E, maybe a suffix that the compiler added.
std::optional<std::string> demangle_legacy(std::string_view name)
{
	name.remove_prefix(3);
	std::string out;
	std::string_view waiting; // the last one is the hash
	std::size_t segments = 0;
	while (!name.empty() && name[0] != 'E') {
		std::size_t length = 0, digits = 0;
		while (digits < name.size() && digits < 6 && name[digits] >= '0' && name[digits] <= '9')
			length = length * 10 + static_cast<std::size_t>(name[digits++] - '0');
		if (digits == 0 || length == 0 || length > name.size() - digits)
			return std::nullopt;
		if (segments > 1)
			out += "::";
		if (segments > 0 && !append_segment(waiting, &out))
			return std::nullopt;
		waiting = name.substr(digits, length);
		name.remove_prefix(digits + length);
		segments++;
	}
	if (segments < 2 || !is_hash(waiting) || name.empty() || (name.size() > 1 && name[1] != '.'))
		return std::nullopt;
	return out;
}

} // namespace

std::optional<std::string> demangle_rust(std::string_view name)
{
	if (name.size() > kMaximumMangled)
		return std::nullopt;
	if (name.substr(0, 2) == "_R")
		return demangle_rust_v0(name.substr(2));
	return name.substr(0, 3) == "_ZN" ? demangle_legacy(name) : std::nullopt;
}

} // namespace neuroperf::analyzer
