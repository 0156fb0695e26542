// SPDX-License-Identifier: Apache-2.0
// From the words of `neuroperf record` to the collector's options.
#pragma once

#include "collector/options.hpp"
#include "recording/result.hpp"
#include "viewer/commands/commands.hpp"

namespace neuroperf::viewer {

// Errors (usage) name the option and the word that is wrong.
Result<collector::RecordOptions> checked_options(const RecordCommand &command);

} // namespace neuroperf::viewer
