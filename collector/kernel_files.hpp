// SPDX-License-Identifier: Apache-2.0
// The small text files and folders of sysfs and tracefs, read with a bound: a path that leads elsewhere fills no
// memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::collector {

// All of it. An error if it cannot be read or is longer than max_bytes.
Result<std::string> read_kernel_file(const std::string &path, std::size_t max_bytes = 4096);

// The names in a folder, sorted, without those that begin with a dot; empty if there is no such folder.
std::vector<std::string> folder_names(const std::string &path);

// The CPUs of "0-3,6"; what is no number is skipped, as is what is beyond 65536 of them.
std::vector<unsigned> parse_cpus(std::string_view text);

// Without the line's end and blanks around.
std::string_view without_blanks(std::string_view text);

} // namespace neuroperf::collector
