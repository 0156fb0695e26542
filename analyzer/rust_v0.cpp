// SPDX-License-Identifier: Apache-2.0
#include "analyzer/rust_v0.hpp"

#include <algorithm>

#include "analyzer/punycode.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr std::size_t kMaximumOutput = std::size_t{64} << 10;
constexpr int kMaximumDepth = 200;
constexpr int kMaximumSteps = 200'000; // references back may repeat parts that print nothing
constexpr uint64_t kMaximumLifetimes = 256;

std::string_view basic_type(char c)
{
	switch (c) {
	case 'a':
		return "i8";
	case 'b':
		return "bool";
	case 'c':
		return "char";
	case 'd':
		return "f64";
	case 'e':
		return "str";
	case 'f':
		return "f32";
	case 'h':
		return "u8";
	case 'i':
		return "isize";
	case 'j':
		return "usize";
	case 'l':
		return "i32";
	case 'm':
		return "u32";
	case 'n':
		return "i128";
	case 'o':
		return "u128";
	case 'p':
		return "_";
	case 's':
		return "i16";
	case 't':
		return "u16";
	case 'u':
		return "()";
	case 'v':
		return "...";
	case 'x':
		return "i64";
	case 'y':
		return "u64";
	case 'z':
		return "!";
	default:
		return "";
	}
}

class V0Reader {
public:
	explicit V0Reader(std::string_view text) : text_(text) {}

	std::optional<std::string> read()
	{
		path(true);
		if (!failed_ && at_ < text_.size() && text_[at_] >= 'A' && text_[at_] <= 'Z') {
			silent_++; // the crate that made this instance
			path(false);
			silent_--;
		}
		const bool at_end = at_ == text_.size() || text_[at_] == '.' || text_[at_] == '$';
		return failed_ || !at_end ? std::nullopt : std::optional<std::string>(std::move(out_));
	}

private:
	struct Identifier {
		std::string text;
		uint64_t disambiguator = 0;
	};
	// Counts how deep productions are nested.
	class Level {
	public:
		explicit Level(V0Reader *reader) : reader_(reader)
		{
			if (++reader_->depth_ > kMaximumDepth || ++reader_->steps_ > kMaximumSteps)
				reader_->failed_ = true;
		}
		Level(const Level &) = delete;
		Level &operator=(const Level &) = delete;
		~Level() { reader_->depth_--; }

	private:
		V0Reader *reader_;
	};

	char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
	char take()
	{
		if (at_ >= text_.size())
			failed_ = true;
		return failed_ ? '\0' : text_[at_++];
	}
	bool take_if(char c)
	{
		const bool is_there = !failed_ && peek() == c && c != '\0';
		at_ += is_there ? 1 : 0;
		return is_there;
	}
	void print(std::string_view text)
	{
		if (silent_ > 0 || failed_)
			return;
		failed_ = out_.size() + text.size() > kMaximumOutput;
		out_ += failed_ ? std::string_view{} : text;
	}

	uint64_t base_62()
	{
		if (take_if('_'))
			return 0;
		uint64_t value = 0;
		while (!failed_ && !take_if('_')) {
			const char c = take();
			uint64_t digit = 0;
			if (c >= '0' && c <= '9')
				digit = static_cast<uint64_t>(c - '0');
			else if (c >= 'a' && c <= 'z')
				digit = static_cast<uint64_t>(c - 'a') + 10;
			else if (c >= 'A' && c <= 'Z')
				digit = static_cast<uint64_t>(c - 'A') + 36;
			else
				failed_ = true;
			failed_ = failed_ || value > (UINT64_MAX - digit) / 62;
			value = value * 62 + digit;
		}
		return value + 1;
	}
	uint64_t optional_base_62(char tag) { return take_if(tag) ? base_62() + 1 : 0; }

	std::string plain_identifier()
	{
		const bool is_punycode = take_if('u');
		std::size_t length = 0;
		const char first = take();
		if (first < '0' || first > '9')
			failed_ = true;
		else
			length = static_cast<std::size_t>(first - '0');
		while (length > 0 && length <= text_.size() && peek() >= '0' && peek() <= '9')
			length = length * 10 + static_cast<std::size_t>(take() - '0');
		take_if('_');
		failed_ = failed_ || length > text_.size() - at_;
		if (failed_)
			return {};
		const std::string_view bytes = text_.substr(at_, length);
		at_ += length;
		if (!is_punycode)
			return std::string(bytes);
		std::string decoded;
		failed_ = !decode_punycode(bytes, &decoded);
		return decoded;
	}
	Identifier identifier()
	{
		const uint64_t disambiguator = optional_base_62('s');
		return {plain_identifier(), disambiguator};
	}

	// Reads what stands further in front, once more. In silence there is no need to.
	template <typename Production> void refer_back(Production production)
	{
		const std::size_t start = at_ - 1;
		const uint64_t target = base_62();
		failed_ = failed_ || target >= start;
		if (failed_ || silent_ > 0)
			return;
		const std::size_t back = at_;
		at_ = target;
		production();
		at_ = back;
	}

	void path(bool in_value)
	{
		const Level level(this);
		switch (take()) {
		case 'C':
			return print(identifier().text);
		case 'M':
			implementation_path();
			print("<");
			type();
			return print(">");
		case 'X':
			implementation_path();
			[[fallthrough]];
		case 'Y':
			print("<");
			type();
			print(" as ");
			path(false);
			return print(">");
		case 'N':
			return nested(in_value);
		case 'I':
			path(in_value);
			print(in_value ? "::<" : "<");
			list(", ", [this] { generic_argument(); });
			return print(">");
		case 'B':
			return refer_back([this, in_value] { path(in_value); });
		default:
			failed_ = true;
		}
	}

	void implementation_path()
	{
		silent_++;
		optional_base_62('s');
		path(false);
		silent_--;
	}

	void nested(bool in_value)
	{
		const char space = take();
		path(in_value);
		const Identifier name = identifier();
		if (space >= 'A' && space <= 'Z') {
			print("::{");
			print(space == 'C' ? "closure" : space == 'S' ? "shim" : std::string_view(&space, 1));
			print(name.text.empty() ? "" : ":" + name.text);
			print("#" + std::to_string(name.disambiguator) + "}");
		} else if (space >= 'a' && space <= 'z') {
			print(name.text.empty() ? "" : "::" + name.text);
		} else {
			failed_ = true;
		}
	}

	template <typename Production> std::size_t list(std::string_view separator, Production production)
	{
		std::size_t count = 0;
		while (!failed_ && !take_if('E')) {
			if (count++ > 0)
				print(separator);
			production();
		}
		return count;
	}

	void generic_argument()
	{
		if (take_if('L'))
			lifetime(base_62());
		else if (take_if('K'))
			constant();
		else
			type();
	}

	void lifetime(uint64_t index)
	{
		if (index == 0)
			return print("'_");
		if (silent_ > 0)
			return;
		failed_ = failed_ || index > lifetimes_;
		if (failed_)
			return;
		const uint64_t number = lifetimes_ - index;
		print(number < 26 ? std::string{'\'', static_cast<char>('a' + number)} : "'_" + std::to_string(number));
	}

	// "for<'a, 'b> " around what production() writes.
	template <typename Production> void binder(Production production)
	{
		const uint64_t more = optional_base_62('G');
		failed_ = failed_ || more > kMaximumLifetimes || lifetimes_ > kMaximumLifetimes;
		if (failed_)
			return;
		print(more > 0 ? "for<" : "");
		for (uint64_t i = 0; i < more; i++) {
			print(i > 0 ? ", " : "");
			lifetimes_++;
			lifetime(1);
		}
		print(more > 0 ? "> " : "");
		production();
		lifetimes_ -= more;
	}

	void type()
	{
		const Level level(this);
		const char tag = take();
		if (const std::string_view basic = basic_type(tag); !basic.empty())
			return print(basic);
		switch (tag) {
		case 'A':
		case 'S':
			print("[");
			type();
			if (tag == 'A') {
				print("; ");
				constant();
			}
			return print("]");
		case 'T': {
			print("(");
			const std::size_t count = list(", ", [this] { type(); });
			return print(count == 1 ? ",)" : ")");
		}
		case 'R':
		case 'Q':
			print("&");
			if (take_if('L'))
				if (const uint64_t index = base_62(); index != 0) {
					lifetime(index);
					print(" ");
				}
			print(tag == 'Q' ? "mut " : "");
			return type();
		case 'P':
		case 'O':
			print(tag == 'P' ? "*const " : "*mut ");
			return type();
		case 'F':
			return binder([this] { function_type(); });
		case 'D':
			print("dyn ");
			binder([this] { list(" + ", [this] { bound(); }); });
			failed_ = failed_ || !take_if('L');
			if (const uint64_t index = failed_ ? 0 : base_62(); index != 0) {
				print(" + ");
				lifetime(index);
			}
			return;
		case 'B':
			return refer_back([this] { type(); });
		default:
			if (failed_)
				return;
			at_--;
			path(false);
		}
	}

	void function_type()
	{
		print(take_if('U') ? "unsafe " : "");
		if (take_if('K')) {
			std::string abi = take_if('C') ? "C" : plain_identifier();
			std::replace(abi.begin(), abi.end(), '_', '-');
			print("extern \"" + abi + "\" ");
		}
		print("fn(");
		list(", ", [this] { type(); });
		print(")");
		if (take_if('u'))
			return;
		print(" -> ");
		type();
	}

	// A trait, maybe with types bound: Iterator<Item = u8>. Those go into the brackets of its arguments.
	void bound()
	{
		bool is_open = bound_path();
		while (take_if('p')) {
			print(is_open ? ", " : "<");
			is_open = true;
			print(plain_identifier() + " = ");
			type();
		}
		print(is_open ? ">" : "");
	}
	bool bound_path()
	{
		const Level level(this);
		bool is_open = false;
		if (take_if('B')) {
			refer_back([this, &is_open] { is_open = bound_path(); });
		} else if (take_if('I')) {
			path(false);
			print("<");
			list(", ", [this] { generic_argument(); });
			is_open = true;
		} else {
			path(false);
		}
		return is_open;
	}

	void constant()
	{
		const Level level(this);
		const char kind = take();
		if (kind == 'p')
			return print("_");
		if (kind == 'B')
			return refer_back([this] { constant(); });
		if (basic_type(kind).empty() || std::string_view("defuvz").find(kind) != std::string_view::npos)
			failed_ = true; // structures and texts: not stable in Rust yet
		const bool is_negative = take_if('n');
		const std::size_t start = at_;
		while (!failed_ && peek() != '_')
			failed_ = std::string_view("0123456789abcdef").find(take()) == std::string_view::npos;
		const std::string_view digits = failed_ ? "" : text_.substr(start, at_ - start);
		take_if('_');
		if (failed_)
			return;
		uint64_t value = 0;
		for (const char c : digits.substr(0, 16))
			value = value * 16 + static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
		print(is_negative ? "-" : "");
		if (digits.size() > 16)
			return print("0x" + std::string(digits));
		if (kind == 'b')
			return print(value != 0 ? "true" : "false");
		if (kind != 'c')
			return print(std::to_string(value));
		std::string character;
		failed_ = value > UINT32_MAX || !append_character(static_cast<uint32_t>(value), &character);
		print("'" + character + "'");
	}

	std::string_view text_;
	std::size_t at_ = 0;
	std::string out_;
	int depth_ = 0, steps_ = 0, silent_ = 0;
	uint64_t lifetimes_ = 0; // bound so far
	bool failed_ = false;
};

} // namespace

std::optional<std::string> demangle_rust_v0(std::string_view mangled)
{
	return V0Reader(mangled).read();
}

} // namespace neuroperf::analyzer
