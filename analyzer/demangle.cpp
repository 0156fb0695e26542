// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include <cxxabi.h>

#include "analyzer/demangle.hpp"
#include "analyzer/rust_demangle.hpp"

namespace neuroperf::analyzer {

namespace {

// Mangled names refer back to their parts (S_, S0_, ...), and parts to earlier parts: 250 crafted characters make half
// a gigabyte, in seconds. No name anybody reads is this long.
constexpr std::size_t kMaximumMangled = std::size_t{64} << 10;
constexpr std::string_view kPlt = "@plt";
constexpr uint64_t kMaximumDemangled = uint64_t{16} << 20;

uint64_t add(uint64_t a, uint64_t b)
{
	return b > std::numeric_limits<uint64_t>::max() - a ? UINT64_MAX : a + b;
}

// How long the demangled name can get, counted without understanding the grammar: each reference repeats at most all
// that was written before the part it refers to was complete, and parts are complete in the order of their numbers.
// References to template parameters (T_) repeat at most what was written before the first of them in this encoding.
class LengthBound {
public:
	uint64_t of(std::string_view name)
	{
		for (std::size_t at = 0; at < name.size(); at++) {
			length_ = add(length_, 4); // operators and builtin types: some characters for each
			if (name[at] == 'Z')
				parameter_ = 0;
			if (name[at] == 'S' || name[at] == 'T')
				read_reference(name.substr(at));
		}
		return length_;
	}

private:
	// S_, S0_ ... SZZ_ (base 36), T_, T0_ ...
	void read_reference(std::string_view text)
	{
		std::size_t index = 0, at = 1;
		for (; at < text.size() && at < 5; at++) {
			const char digit = text[at];
			if (digit >= '0' && digit <= '9')
				index = index * 36 + static_cast<std::size_t>(digit - '0');
			else if (digit >= 'A' && digit <= 'Z')
				index = index * 36 + static_cast<std::size_t>(digit - 'A') + 10;
			else
				break;
		}
		if (at >= text.size() || text[at] != '_')
			return;
		if (text[0] == 'T') {
			parameter_ = parameter_ == 0 ? length_ : parameter_;
			length_ = add(length_, parameter_);
			return;
		}
		index += at > 1 ? 1 : 0;
		if (index >= parts_.size())
			parts_.resize(index + 1, length_);
		length_ = add(length_, parts_[index]);
	}

	uint64_t length_ = 0;
	uint64_t parameter_ = 0;
	std::vector<uint64_t> parts_; // by number: what was written when it or a later one was first referred to
};

bool ends_with(std::string_view text, std::string_view end)
{
	return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// "f() const &" -> "f()"
std::string_view without_qualifiers(std::string_view text)
{
	for (bool again = true; again;) {
		again = false;
		for (const std::string_view qualifier : {" const", " volatile", " &", " &&"}) {
			if (!ends_with(text, qualifier))
				continue;
			text.remove_suffix(qualifier.size());
			again = true;
		}
	}
	return text;
}

// Where the parenthesis that ends the text was opened; npos if nowhere.
std::size_t opening_of_last(std::string_view text)
{
	std::size_t depth = 0;
	for (std::size_t at = text.size(); at-- > 0;) {
		if (text[at] == ')')
			depth++;
		else if (text[at] == '(' && --depth == 0)
			return at;
	}
	return std::string_view::npos;
}

// Where the name begins behind "std::vector<int> const& ": templates show what they return. Spaces inside brackets, in
// "f(int) const::local" and behind "operator" belong to the name.
std::size_t start_of_name(std::string_view text)
{
	std::size_t start = 0, depth = 0;
	for (std::size_t at = 0; at < text.size(); at++) {
		const std::string_view rest = text.substr(at);
		if (std::string_view("<([{").find(text[at]) != std::string_view::npos) {
			depth++;
		} else if (std::string_view(">)]}").find(text[at]) != std::string_view::npos) {
			depth -= depth > 0 ? 1 : 0;
		} else if (depth == 0 && rest.substr(0, 8) == "operator" && (at == start || text[at - 1] == ':')) {
			const char next = rest.size() > 8 ? rest[8] : ' ';
			if (next != '_' && std::isalnum(static_cast<unsigned char>(next)) == 0)
				return start;
		} else if (depth == 0 && text[at] == ' ') {
			const std::string_view qualified = text.substr(0, text.find("::", at));
			if (without_qualifiers(qualified).size() > at)
				start = at + 1;
		}
	}
	return start;
}

// "void net::step<int>(int) const [clone .cold]" -> "net::step<int>", the form perf shows. What does not look like a
// function with parameters stays as it is.
std::string_view name_only(std::string_view text)
{
	const std::string_view function = without_qualifiers(text.substr(0, text.find(" [clone ")));
	if (!ends_with(function, ")"))
		return text;
	const std::size_t parameters = opening_of_last(function);
	if (parameters == std::string_view::npos)
		return text;
	const std::string_view name = function.substr(0, parameters);
	// "void (*f<int>(int))(char)": a function that returns a pointer to one.
	if (name.empty() || (ends_with(name, ")") && !ends_with(name, "operator()")))
		return text;
	return name.substr(start_of_name(name));
}

std::string demangle_function(const std::string &name)
{
	if (std::optional<std::string> rust = demangle_rust(name))
		return std::move(*rust);
	if (name.compare(0, 2, "_Z") != 0 || name.size() > kMaximumMangled ||
	    LengthBound().of(name) > kMaximumDemangled)
		return name;
	int status = 0;
	std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
							 &std::free);
	if (status != 0 || text == nullptr)
		return name;
	// Tables, thunks and guards (_ZT, _ZG) tell what they belong to, in full.
	const bool is_special = name[2] == 'T' || name[2] == 'G';
	return std::string(is_special ? std::string_view(text.get()) : name_only(text.get()));
}

} // namespace

bool may_be_mangled(std::string_view name)
{
	return name.size() > 2 && name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

std::string demangle(const std::string &name)
{
	if (!ends_with(name, kPlt))
		return demangle_function(name);
	return demangle_function(name.substr(0, name.size() - kPlt.size())) + std::string(kPlt);
}

} // namespace neuroperf::analyzer
