// SPDX-License-Identifier: Apache-2.0
// Reading and writing little-endian binary data, bounds checked.
//
// Cursor is the one way in which this project parses bytes from outside: a read past the end gives zero and clears
// ok(), so that a parser may read a whole structure and ask once. ByteWriter is its opposite.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace neuroperf::recording {

static_assert(std::endian::native == std::endian::little,
	      "recordings are little endian, and so are the machines we build for");

// Reads a T from unaligned memory. The caller has checked the bounds.
template <typename T> T load(const void *from)
{
	static_assert(std::is_trivially_copyable_v<T>);
	T value;
	std::memcpy(&value, from, sizeof value);
	return value;
}

class Cursor {
public:
	Cursor(const void *data, std::size_t size) : data_(static_cast<const char *>(data)), size_(size) {}
	explicit Cursor(std::string_view text) : Cursor(text.data(), text.size()) {}

	bool ok() const { return ok_; }
	std::size_t left() const { return size_ - at_; }
	std::size_t position() const { return at_; }

	template <typename T> T read()
	{
		if (!take(sizeof(T)))
			return T{};
		return load<T>(data_ + at_ - sizeof(T));
	}

	std::string_view read_bytes(std::size_t count)
	{
		if (!take(count))
			return {};
		return {data_ + at_ - count, count};
	}

	// Up to the next NUL, which is consumed; fails when there is none.
	std::string_view read_text()
	{
		const void *nul = ok_ && left() ? std::memchr(data_ + at_, 0, left()) : nullptr;
		if (!nul) {
			ok_ = false;
			return {};
		}
		const std::string_view text(data_ + at_, static_cast<const char *>(nul));
		at_ += text.size() + 1;
		return text;
	}

	void skip(std::size_t count) { take(count); }

private:
	bool take(std::size_t count)
	{
		if (!ok_ || count > size_ - at_) {
			ok_ = false;
			return false;
		}
		at_ += count;
		return true;
	}

	const char *data_;
	std::size_t size_;
	std::size_t at_ = 0;
	bool ok_ = true;
};

class ByteWriter {
public:
	template <typename T> ByteWriter &put(const T &value)
	{
		static_assert(std::is_trivially_copyable_v<T>);
		bytes_.append(reinterpret_cast<const char *>(&value), sizeof value);
		return *this;
	}

	ByteWriter &put_bytes(std::string_view bytes)
	{
		bytes_.append(bytes);
		return *this;
	}

	ByteWriter &put_text(std::string_view text) // with its NUL
	{
		bytes_.append(text).push_back('\0');
		return *this;
	}

	ByteWriter &pad_to_multiple(std::size_t of)
	{
		bytes_.append((of - bytes_.size() % of) % of, '\0');
		return *this;
	}

	std::size_t size() const { return bytes_.size(); }
	const std::string &bytes() const { return bytes_; }
	std::string take() { return std::move(bytes_); }

private:
	std::string bytes_;
};

} // namespace neuroperf::recording
