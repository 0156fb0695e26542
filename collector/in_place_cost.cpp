// SPDX-License-Identifier: Apache-2.0
#include "collector/in_place_cost.hpp"

#include <algorithm>

namespace neuroperf::collector {
namespace {

constexpr uint64_t kFewestTimed = 24; // hits

std::optional<double> mean(const ProgramTime &timing)
{
	if (timing.hits < kFewestTimed || timing.ns == 0)
		return std::nullopt;
	return static_cast<double>(timing.ns) / static_cast<double>(timing.hits);
}

std::optional<double> ratio(const ProgramTime &in_place, const ProgramTime &trial)
{
	const auto here = mean(in_place), there = mean(trial);
	if (!here || !there)
		return std::nullopt;
	return std::clamp(*here / *there, InPlaceCost::kLeast, InPlaceCost::kMost);
}

double with_margin(double told)
{
	return std::min(told * InPlaceCost::kMargin, InPlaceCost::kMost);
}

} // namespace

void InPlaceCost::set_in_place(const ProgramTimes &in_place)
{
	in_place_ = in_place;
	for (std::size_t i = 0; i < factors_.size(); i++) {
		const auto factor = ratio(in_place_[i], trial_[i]);
		factors_[i] = factor ? with_margin(*factor) : reckoned();
	}
}

double InPlaceCost::reckoned() const
{
	return told() ? with_margin(*told()) : kUsual;
}

std::optional<double> InPlaceCost::told() const
{
	double sum = 0, hits = 0;
	for (std::size_t i = 0; i < in_place_.size(); i++)
		if (const auto factor = ratio(in_place_[i], trial_[i])) {
			sum += *factor * static_cast<double>(in_place_[i].hits);
			hits += static_cast<double>(in_place_[i].hits);
		}
	return hits > 0 ? std::optional(sum / hits) : std::nullopt;
}

} // namespace neuroperf::collector
