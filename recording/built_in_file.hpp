// SPDX-License-Identifier: Apache-2.0
// A file of data/ that is compiled in (scripts/built_in_files.cmake).
#pragma once

#include <span>
#include <string_view>

namespace neuroperf {

struct BuiltInFile {
	std::string_view name; // without folder and extension
	std::string_view text;
};

} // namespace neuroperf
