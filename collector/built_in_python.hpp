// SPDX-License-Identifier: Apache-2.0
// What runs inside Python programs, compiled in.
#pragma once

#include "recording/built_in_file.hpp"

namespace neuroperf::collector {

std::span<const BuiltInFile> built_in_python_files(); // data/python/neuroperf_names/*.py

} // namespace neuroperf::collector
