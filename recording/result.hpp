// SPDX-License-Identifier: Apache-2.0
// How functions of neuroperf fail: they return a Result, which holds a value or an Error.
//
// An Error says what failed, why, and (hint) what the user can do about it. Libraries never print it and never exit;
// only viewer/main.cpp turns it into text and an exit code. Exceptions do not cross a module.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace neuroperf {

enum class ErrorCode {
	io,          // a file or pipe could not be read or written
	format,      // input is not what it should be: foreign, cut, damaged
	privilege,   // the kernel refuses; the hint says what would allow it
	unsupported, // this kernel, CPU or build cannot do it
	not_found,
	usage,
	internal,
};

struct Error {
	ErrorCode code = ErrorCode::internal;
	std::string what;     // "cannot open run.data: no such file"
	int system_errno = 0; // errno where a system call failed, else 0
	std::string hint;     // "record first: neuroperf record ./app"; may be empty
};

// Value or Error. Asking for the wrong one ends the program: ask ok() first.
template <typename T> class [[nodiscard]] Result {
public:
	Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
	Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

	bool ok() const { return content_.index() == 0; }
	explicit operator bool() const = delete; // a Result<bool> must not be mistaken for its value

	T &value() { return checked<0>(content_); }
	const T &value() const { return checked<0>(content_); }
	T &operator*() { return value(); }
	const T &operator*() const { return value(); }
	T *operator->() { return &value(); }
	const T *operator->() const { return &value(); }
	const Error &error() const { return checked<1>(content_); }

private:
	template <std::size_t I, typename V> static auto &checked(V &content)
	{
		if (content.index() != I)
			std::abort();
		return *std::get_if<I>(&content);
	}

	std::variant<T, Error> content_;
};

// Result of something that has no value.
struct Done {};
using Status = Result<Done>;

} // namespace neuroperf
