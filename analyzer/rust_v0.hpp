// SPDX-License-Identifier: Apache-2.0
// Rust's v0 mangling, by RFC 2603: a grammar whose productions may refer back to earlier text.
//
// Shown as rustc's own tools do in their short form: no crate hashes, no types of constants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace neuroperf::analyzer {

// The name behind "_R". nullopt if it is damaged, uses what is not known here, or would become too long.
std::optional<std::string> demangle_rust_v0(std::string_view mangled);

} // namespace neuroperf::analyzer
