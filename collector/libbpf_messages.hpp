// SPDX-License-Identifier: Apache-2.0
// What libbpf would print to stderr, kept for error messages instead. For the whole process.
#pragma once

#include <string>

namespace neuroperf::collector {

// Nothing of libbpf's goes to stderr from here on.
void keep_libbpf_messages();
// The last warning since the last call, one line; empty without one.
std::string take_libbpf_message();

} // namespace neuroperf::collector
