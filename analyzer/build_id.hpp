// SPDX-License-Identifier: Apache-2.0
// Build ids: the bytes by which linkers mark what belongs together (the note NT_GNU_BUILD_ID).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace neuroperf::analyzer {

// A build id longer than this is a damaged one; usual are 8, 16 and 20 bytes.
constexpr std::size_t kMaximumBuildId = 64;

std::string hex_of(std::string_view bytes);

// For messages: the first eight digits, "none" without one.
std::string short_build_id(std::string_view id);

// Whether two ids are the same: recordings fill shorter ones with zeros up to 20 bytes.
bool same_build_id(std::string_view a, std::string_view b);

// The id without the zeros that fill it; folders by build id have the name of that.
std::string_view without_filling(std::string_view id);

// ".build-id/ab/cdef", where caches and folders of debug files keep a build id's file; empty for an unusable id.
std::string build_id_place(std::string_view id);

} // namespace neuroperf::analyzer
