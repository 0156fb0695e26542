// SPDX-License-Identifier: Apache-2.0
// Subjects of `neuroperf list` that have a file of their own; each returns the exit code.
#pragma once

#include <string>
#include <vector>

namespace neuroperf::viewer {

int list_events(const std::string &pattern);
int list_devices(const std::vector<std::string> &driver_files);

} // namespace neuroperf::viewer
