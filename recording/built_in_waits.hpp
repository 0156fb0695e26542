// SPDX-License-Identifier: Apache-2.0
// The rules of waits that are compiled in.
#pragma once

#include "recording/built_in_file.hpp"

namespace neuroperf::recording {

std::span<const BuiltInFile> built_in_wait_files(); // data/waits/*.json

} // namespace neuroperf::recording
