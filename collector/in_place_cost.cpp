// SPDX-License-Identifier: Apache-2.0
#include "collector/in_place_cost.hpp"

#include <algorithm>
#include <cmath>

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

uint64_t times(double factor, uint64_t ns)
{
	return static_cast<uint64_t>(std::llround(factor * static_cast<double>(ns)));
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

double InPlaceCost::told_of(HitClass::At at) const
{
	const auto i = static_cast<std::size_t>(at);
	return ratio(in_place_[i], trial_[i]).value_or(told().value_or(1));
}

// The agent is no BPF program: nobody has timed it.
ProbeCosts InPlaceCost::costs(const ProbeCosts &trial) const
{
	ProbeCosts costs = trial;
	for (std::size_t i = 0; i < kHitClasses; i++) {
		const HitClass hit = hit_class(i);
		if (!costs.hits[i] || hit.cost == ProbeCost::agent)
			continue;
		const double more = told_of(hit.at) - 1;
		const bool stepped = hit.cost == ProbeCost::stepped;
		const HitCost without_step =
			stepped ? trial.of({hit.at, ProbeCost::emulated}).value_or(HitCost{}) : *costs.hits[i];
		costs.hits[i]->before_ns += times(more, without_step.before_ns);
		costs.hits[i]->after_ns += times(more, without_step.after_ns);
	}
	return costs;
}

} // namespace neuroperf::collector
