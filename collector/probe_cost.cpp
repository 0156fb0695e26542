// SPDX-License-Identifier: Apache-2.0
#include "collector/probe_cost.hpp"

#include <algorithm>

namespace neuroperf::collector {
namespace {

constexpr uint64_t kSenselessNs = 1'000'000; // of one hit: the machine was busy with something else
constexpr std::size_t kFewestBatches = 5;

uint64_t median(std::vector<uint64_t> values)
{
	const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
	std::nth_element(values.begin(), middle, values.end());
	return *middle;
}

uint64_t without(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

} // namespace

std::string_view to_string(HitClass hit)
{
	constexpr std::string_view kNames[kHitClasses] = {
		"call entry",         "emulated entry",         "stepped entry",         "agent entry",
		"call named entry",   "emulated named entry",   "stepped named entry",   "agent named entry",
		"call staying entry", "emulated staying entry", "stepped staying entry", "agent staying entry",
		"call return",        "emulated return",        "stepped return",        "agent return"};
	return kNames[index_of(hit)];
}

bool ProbeCosts::known() const
{
	return std::any_of(hits.begin(), hits.end(), [](const auto &cost) { return cost.has_value(); });
}

// Half of a reading of the clock comes before the moment that it tells, half after: taken to be so.
std::optional<HitCost> cost_of(const std::vector<std::vector<TimedHit>> &batches, uint64_t clock_read_ns)
{
	std::vector<uint64_t> before, after;
	for (const std::vector<TimedHit> &batch : batches) {
		uint64_t sum_before = 0, sum_after = 0;
		const bool sound = std::all_of(batch.begin(), batch.end(), [](const TimedHit &hit) {
			return hit.before_ns <= hit.event_ns && hit.event_ns <= hit.after_ns;
		});
		for (const TimedHit &hit : batch) {
			sum_before += hit.event_ns - hit.before_ns;
			sum_after += hit.after_ns - hit.event_ns;
		}
		if (!sound || batch.empty())
			continue;
		before.push_back(sum_before / batch.size());
		after.push_back(sum_after / batch.size());
	}
	if (before.size() < kFewestBatches)
		return std::nullopt;
	const uint64_t second_half = clock_read_ns / 2;
	const HitCost cost{without(median(std::move(before)), clock_read_ns - second_half),
			   without(median(std::move(after)), second_half)};
	if (cost.total_ns() == 0 || cost.total_ns() > kSenselessNs)
		return std::nullopt;
	return cost;
}

} // namespace neuroperf::collector
