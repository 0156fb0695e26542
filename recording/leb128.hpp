// SPDX-License-Identifier: Apache-2.0
// DWARF's numbers of variable length, read through the one bounds-checked cursor.
#pragma once

#include <cstdint>

#include "recording/bytes.hpp"

namespace neuroperf::recording {

// Bits beyond the 64th are dropped. A number of more than 16 bytes is no number: the cursor fails.
inline uint64_t read_uleb128(Cursor *in, unsigned *bits = nullptr)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte = 0;
	do {
		byte = in->read<uint8_t>();
		if (shift < 64)
			value |= uint64_t{byte & 0x7fU} << shift;
		shift += 7;
		if (shift > 16 * 7)
			in->skip(SIZE_MAX);
	} while ((byte & 0x80) != 0 && in->ok());
	if (bits != nullptr)
		*bits = shift;
	return value;
}

inline int64_t read_sleb128(Cursor *in)
{
	unsigned bits = 0;
	const uint64_t value = read_uleb128(in, &bits);
	if (bits >= 64 || (value >> (bits - 1)) == 0)
		return static_cast<int64_t>(value);
	return static_cast<int64_t>(value | ~uint64_t{0} << bits);
}

} // namespace neuroperf::recording
