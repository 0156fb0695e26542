// SPDX-License-Identifier: Apache-2.0
// Names as people write them, out of the mangled ones in symbol tables: C++ and Rust.
//
// C++ as perf shows it: without parameters, return type and clone suffix. Rust, both manglings, as paths without
// hashes; generic arguments are shown. What is not mangled, is damaged, or would become unreasonably long, stays as it
// is.
#pragma once

#include <string>
#include <string_view>

namespace neuroperf::analyzer {

std::string demangle(const std::string &name);

// Whether demangle() may change the name at all: cheap.
bool may_be_mangled(std::string_view name);

} // namespace neuroperf::analyzer
