// SPDX-License-Identifier: Apache-2.0
// A part of a file in one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace neuroperf::recording {

// At most `size` bytes; fewer at the end of the file, or when reading fails.
std::string read_at(int fd, uint64_t offset, std::size_t size);

} // namespace neuroperf::recording
