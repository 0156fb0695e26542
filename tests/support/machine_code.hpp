// SPDX-License-Identifier: Apache-2.0
// Machine code as people write it down.
#pragma once

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neuroperf::test {

using Bytes = std::vector<uint8_t>;

// "f3 0f 1e fa | 55": the bars are for the reader.
inline Bytes bytes_of(std::string_view text)
{
	Bytes bytes;
	for (std::size_t i = 0; i + 1 < text.size(); i++)
		if (std::isxdigit(static_cast<unsigned char>(text[i]))) {
			bytes.push_back(static_cast<uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
			i++;
		}
	return bytes;
}

// Words as objdump shows them.
inline Bytes words_of(const std::vector<uint32_t> &words)
{
	Bytes bytes;
	for (const uint32_t word : words)
		for (unsigned shift = 0; shift < 32; shift += 8)
			bytes.push_back(static_cast<uint8_t>(word >> shift));
	return bytes;
}

} // namespace neuroperf::test
