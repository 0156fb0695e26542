// SPDX-License-Identifier: Apache-2.0
// `neuroperf list devices` as text.
#pragma once

#include <string>

#include "collector/device_list.hpp"

namespace neuroperf::viewer {

std::string render_device_list(const collector::DeviceList &list);

} // namespace neuroperf::viewer
