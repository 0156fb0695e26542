// SPDX-License-Identifier: Apache-2.0
// Rust's manglings: the legacy one, which looks like C++ (_ZN...17h<hash>E), and v0 (_R..., RFC 2603).
//
// Written here rather than taken from libiberty, which a crafted v0 name keeps busy for ever (a binder of 2^64
// lifetimes). Output and recursion are bounded.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neuroperf::analyzer {

// nullopt if it is not a Rust name, is damaged, or would become too long.
std::optional<std::string> demangle_rust(std::string_view name);

} // namespace neuroperf::analyzer
