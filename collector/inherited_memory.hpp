// SPDX-License-Identifier: Apache-2.0
// Memory that launched programs share with the recorder, by descriptors that they inherit.
#pragma once

#include <cstdint>

#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

// A memfd of this size, sealed against resizing. Sparse: memory is taken where somebody writes. `name` is for
// /proc/PID/maps.
Result<UniqueFd> make_inherited_memory(const char *name, uint64_t size);
// Another descriptor of the same, which is inherited across exec; not valid, with errno set, if there is none.
UniqueFd make_inherited(int descriptor);

} // namespace neuroperf::collector
