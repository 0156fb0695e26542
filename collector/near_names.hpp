// SPDX-License-Identifier: Apache-2.0
// What the user may have meant: the names that are close to a word that nobody knows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neuroperf::collector {

// At most three, best first: few letters differ (swapped ones count once), case aside, or the word is a part of the
// name.
std::vector<std::string> near_names(std::string_view word, const std::vector<std::string> &names);

// "did you mean cycles or cpu-cycles?", empty if nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string> &names);

// "a, b, c" of the first so many, and "..." if there are more.
std::string some_of(const std::vector<std::string> &names, std::size_t most = 20);

} // namespace neuroperf::collector
