// SPDX-License-Identifier: Apache-2.0
// Energy models that are compiled in.
#pragma once

#include "recording/built_in_file.hpp"

namespace neuroperf::analyzer {

std::span<const BuiltInFile> built_in_energy_files(); // data/energy/*.json

} // namespace neuroperf::analyzer
