// SPDX-License-Identifier: Apache-2.0
// Characters beyond ASCII as mangled names hold them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace neuroperf::analyzer {

// RFC 3492 with '_' as the delimiter, as Rust has it. Appends; false if it is damaged or longer than 4096 characters.
bool decode_punycode(std::string_view text, std::string *out);

// False for what is no character, or none that can be shown.
bool append_character(uint32_t code, std::string *out);

} // namespace neuroperf::analyzer
