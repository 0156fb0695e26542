// SPDX-License-Identifier: Apache-2.0
#include "collector/name_pattern.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <memory>

namespace neuroperf::collector {
namespace {

constexpr std::size_t kLongestMangled = 16 << 10; // the demangler takes time with longer ones

std::vector<std::string> split_at_stars(std::string_view pattern)
{
	std::vector<std::string> pieces(1);
	for (const char letter : pattern)
		if (letter == '*')
			pieces.emplace_back();
		else
			pieces.back() += letter;
	return pieces;
}

// Words that demanglers make of shorter codes.
constexpr std::string_view kMadeWords[] = {
	"anonymous", "namespace",    "unsigned",     "signed",        "char",          "wchar_t",
	"char8_t",   "char16_t",     "char32_t",     "short",         "int",           "long",
	"__int128",  "float",        "double",       "__float128",    "_Float16",      "bool",
	"void",      "const",        "volatile",     "restrict",      "__restrict",    "complex",
	"_Complex",  "imaginary",    "true",         "false",         "nullptr_t",     "decltype",
	"auto",      "operator",     "sizeof",       "alignof",       "noexcept",      "throw",
	"new",       "delete",       "co_await",     "lambda",        "unnamed",       "type",
	"default",   "arg",          "clone",        "abi",           "vtable",        "typeinfo",
	"name",      "for",          "guard",        "variable",      "virtual",       "thunk",
	"covariant", "construction", "reference",    "temporary",     "template",      "parameter",
	"object",    "initializer",  "function",     "this",          "string",        "literal",
	"std",       "allocator",    "basic_string", "basic_istream", "basic_ostream", "basic_iostream",
	"istream",   "ostream",      "iostream",     "char_traits"};

// A star may have cut it.
bool is_kept_by_mangling(const std::string &word)
{
	return !word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) == 0 &&
	       std::none_of(std::begin(kMadeWords), std::end(kMadeWords),
			    [&](std::string_view made) { return made.find(word) != made.npos; });
}

// Of words that a star may cut, as in "_array_*", mangling keeps all the same: they are parts of one identifier.
std::string longest_word(const std::vector<std::string> &pieces)
{
	std::string longest;
	for (const std::string &piece : pieces) {
		std::string word;
		for (const char letter : piece + " ") {
			if (std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_') {
				word += letter;
				continue;
			}
			if (word.size() > longest.size() && is_kept_by_mangling(word))
				longest = word;
			word.clear();
		}
	}
	return longest;
}

} // namespace

NamePattern::NamePattern(std::string_view pattern)
	: pieces_(split_at_stars(pattern)),
	  demangled_(pattern.find("::") != pattern.npos || pattern.find('(') != pattern.npos)
{
	if (demangled_)
		longest_word_ = longest_word(pieces_);
}

bool NamePattern::matches_symbol(std::string_view symbol, std::string *shown) const
{
	if (demangled_ && symbol.find(longest_word_) == symbol.npos)
		return false;
	std::string text = demangled_ ? demangled(symbol) : std::string();
	const bool found = matches(demangled_ ? std::string_view(text) : symbol);
	if (found && shown)
		*shown = demangled_ ? std::move(text) : std::string(symbol);
	return found;
}

std::vector<std::string> NamePattern::captured(std::string_view text) const
{
	std::vector<std::string> found;
	if (!match(text, &found))
		found.clear();
	return found;
}

// Each piece where it first fits, the last one at the end: if any choice fits, this one does.
bool NamePattern::match(std::string_view text, std::vector<std::string> *captured) const
{
	if (pieces_.size() == 1)
		return text == pieces_.front();
	if (!text.starts_with(pieces_.front()))
		return false;
	text.remove_prefix(pieces_.front().size());
	for (std::size_t i = 1; i < pieces_.size(); i++) {
		const bool last = i + 1 == pieces_.size();
		if (last && !text.ends_with(pieces_[i]))
			return false;
		const std::size_t at = last ? text.size() - pieces_[i].size() : text.find(pieces_[i]);
		if (at == text.npos)
			return false;
		if (captured)
			captured->emplace_back(text.substr(0, at));
		text.remove_prefix(at + pieces_[i].size());
	}
	return true;
}

std::string filled_in(std::string text, const std::vector<std::string> &captured)
{
	for (std::size_t i = 0; i < captured.size(); i++) {
		const std::string mark = fmt::format("{{{}}}", i + 1);
		for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos; at += captured[i].size())
			text.replace(at, mark.size(), captured[i]);
	}
	return text;
}

std::string demangled(std::string_view name)
{
	if (!name.empty() && name.front() == '*') // of a type that has no other copies
		name.remove_prefix(1);
	const std::string text(name);
	const bool may_be = text.starts_with("_Z") || text.starts_with("N") ||
			    (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0);
	if (!may_be || text.size() > kLongestMangled)
		return text;
	int status = 0;
	const std::unique_ptr<char, void (*)(void *)> found(
		abi::__cxa_demangle(text.c_str(), nullptr, nullptr, &status), std::free);
	return found ? std::string(found.get()) : text;
}

} // namespace neuroperf::collector
