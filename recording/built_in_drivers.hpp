// SPDX-License-Identifier: Apache-2.0
// Descriptions of drivers that are compiled in.
#pragma once

#include "recording/built_in_file.hpp"

namespace neuroperf::recording {

std::span<const BuiltInFile> built_in_driver_files(); // data/drivers/*.json

} // namespace neuroperf::recording
