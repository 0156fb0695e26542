// SPDX-License-Identifier: Apache-2.0
// What a sample of the software clock costs the thread that it interrupts, tried on ourselves. In a virtual machine
// that is mostly the timer's interrupt, which the host has to deliver: 20 us and more, where others need 2.
#pragma once

#include <cstdint>
#include <optional>

namespace neuroperf::collector {

// Nanoseconds of a sample without a call chain; takes about 4 ms. Nothing where it cannot be tried, or is too little to
// be seen.
std::optional<uint64_t> try_sample_cost(bool user_only);

} // namespace neuroperf::collector
