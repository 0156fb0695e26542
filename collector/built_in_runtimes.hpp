// SPDX-License-Identifier: Apache-2.0
// Descriptions of runtimes that are compiled in.
#pragma once

#include "recording/built_in_file.hpp"

namespace neuroperf::collector {

std::span<const BuiltInFile> built_in_runtime_files(); // data/runtimes/*.json

} // namespace neuroperf::collector
