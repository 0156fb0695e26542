// SPDX-License-Identifier: Apache-2.0
#include "collector/near_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMaxBytes = 64; // of what is compared
constexpr std::size_t kMaxNames = 3;

std::string lower(std::string_view text)
{
	std::string lowered(text);
	for (char &letter : lowered)
		if (letter >= 'A' && letter <= 'Z')
			letter = static_cast<char>(letter - 'A' + 'a');
	return lowered;
}

// Letters to insert, delete, replace, or swap with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b)
{
	std::vector<std::size_t> before, above(b.size() + 1), row(b.size() + 1);
	for (std::size_t j = 0; j <= b.size(); j++)
		above[j] = j;
	for (std::size_t i = 1; i <= a.size(); i++) {
		row[0] = i;
		for (std::size_t j = 1; j <= b.size(); j++) {
			row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = std::min(row[j], before[j - 2] + 1);
		}
		before = std::exchange(above, row);
	}
	return above[b.size()];
}

} // namespace

std::vector<std::string> near_names(std::string_view word, const std::vector<std::string> &names)
{
	if (word.empty() || word.size() > kMaxBytes)
		return {};
	const std::string wanted = lower(word);
	std::vector<std::pair<std::size_t, std::string>> near;
	for (const std::string &name : names) {
		if (name.size() > kMaxBytes)
			continue;
		const std::string candidate = lower(name);
		const std::size_t differing = distance(wanted, candidate);
		if (differing <= std::max<std::size_t>(1, wanted.size() / 4))
			near.emplace_back(differing, name);
		else if (wanted.size() >= 3 && candidate.find(wanted) != candidate.npos)
			near.emplace_back(kMaxBytes + candidate.size(), name);
	}
	std::sort(near.begin(), near.end());
	std::vector<std::string> found;
	for (std::size_t i = 0; i < near.size() && found.size() < kMaxNames; i++)
		found.push_back(near[i].second);
	return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string> &names)
{
	const std::vector<std::string> near = near_names(word, names);
	return near.empty() ? "" : fmt::format("did you mean {}?", fmt::join(near, " or "));
}

std::string some_of(const std::vector<std::string> &names, std::size_t most)
{
	const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(most, names.size()));
	return fmt::format("{}{}", fmt::join(names.begin(), end, ", "), names.size() > most ? ", ..." : "");
}

} // namespace neuroperf::collector
