// SPDX-License-Identifier: Apache-2.0
// Reads the "probes" of a driver's description (docs/adding-a-driver.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "recording/driver_probe.hpp"
#include "recording/json_description.hpp"

namespace neuroperf::recording {

// What is wrong is told to the description.
std::vector<DriverProbe> read_driver_probes(const nlohmann::json &probes, JsonDescription *description);

// As the kernel's names are: they become parts of format texts.
bool is_kernel_name(std::string_view name);

} // namespace neuroperf::recording
