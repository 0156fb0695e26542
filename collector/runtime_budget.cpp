// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_budget.hpp"

#include <algorithm>
#include <utility>

#include "bpf/mapped_ring.h"
#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kSoonestBytes = 4096;                  // of a ring, until the recorder is asked to look: 73 hits
constexpr uint64_t kSwitchNs = 30'000;                    // for which a program is held up, at each place
constexpr uint64_t kHitNs = 1000, kSteppedHitNs = 16'000; // where it could not be measured

// Ends of layers that follow each other are needed where more of these are in no inference of their thread.
constexpr double kFewAlone = 0.05;

} // namespace

void RuntimeBudget::add_hit(const np_runtime_event &event, HitClass hit)
{
	const bool is_end = hit.at == HitClass::At::behind_call;
	const bool sampled =
		is_end ? callers_.may_be_sampled(event.function) : spans_.places()[event.place].place->may_be_sampled();
	const bool spare =
		is_end && callers_.is_spare(event.function) &&
		spans_.counts().successive_alone < kFewAlone * static_cast<double>(spans_.counts().successive);
	const uint64_t typical_ns = hit.cost == ProbeCost::stepped ? kSteppedHitNs : kHitNs;
	const uint64_t measured_ns = costs_.of(hit) ? costs_.of(hit)->total_ns() : typical_ns;
	budget_.add_hit(static_cast<uint64_t>(in_place_.of(hit.at) * static_cast<double>(measured_ns)), sampled,
			event.tid, spare);
}

void RuntimeBudget::keep(uint64_t now_ns, const RuntimeSpans::Emit &emit)
{
	const bool on = budget_.settle(now_ns, probes_.are_gone());
	if (!budget_.wants_spare() && !std::exchange(ends_dropped_, true)) {
		callers_.drop_spare();
		spans_.take_begins_alone();
	}
	const bool switches = on != probes_.is_on();
	if (!on && !switches && probes_.are_gone())
		spans_.end_sampled(emit); // nobody sees their ends
	if (switches) {
		not_put_back_ += probes_.switch_to(on);
		spans_.rest_until(on ? monotonic_now_ns() : UINT64_MAX);
	}
	probes_.work();
	budget_.add_switch(kSwitchNs * probes_.take_switched());
}

uint64_t RuntimeBudget::ask_after_bytes(std::size_t rings_in_use, uint64_t ring_bytes) const
{
	const uint64_t of_each = budget_.hits_left() / std::max<std::size_t>(rings_in_use, 1);
	const uint64_t bytes = std::min(of_each, ring_bytes) * (sizeof(np_ring_record) + sizeof(np_runtime_event));
	return std::clamp<uint64_t>(bytes, kSoonestBytes, ring_bytes / 2);
}

RuntimeBudgetCounts RuntimeBudget::counts() const
{
	return {budget_.watched_ns(),    budget_.on_ns(), budget_.times_off(), ends_dropped_,
		budget_.share_of_kept(), not_put_back_,   in_place_.told(),    in_place_.reckoned()};
}

} // namespace neuroperf::collector
