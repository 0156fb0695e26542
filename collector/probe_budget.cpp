// SPDX-License-Identifier: Apache-2.0
#include "collector/probe_budget.hpp"

#include <algorithm>
#include <utility>

namespace neuroperf::collector {
namespace {

constexpr double kUsualHitNs = 2000; // until there has been one
// What is spent is looked at over half to one of these, of a thread's time.
constexpr double kLatelyNs = 400'000'000;
// So long it is looked at before anything goes for good.
constexpr double kLongEnoughNs = 20'000'000;
// Where the budget cannot be kept: what costs less than so much of what exceeds it may as well stay.
constexpr double kLittle = 0.1;

} // namespace

void ProbeBudget::Spent::add_lately(const Spent &more)
{
	if (worked_ns > kLatelyNs)
		*this = {kept_ns / 2, sampled_ns / 2, spare_ns / 2, worked_ns / 2};
	add(more);
}

void ProbeBudget::add_hit(uint64_t cost_ns, bool may_be_sampled, uint32_t thread, bool is_spare)
{
	(may_be_sampled ? sampled_cost_ns_ : kept_cost_ns_) += cost_ns;
	spare_cost_ns_ += may_be_sampled && is_spare ? cost_ns : 0;
	hits_++;
	cost_of_hits_ns_ += cost_ns;
	if (threads_.size() < kMostThreads)
		threads_.insert(thread);
}

bool ProbeBudget::settle(uint64_t now_ns, bool are_gone)
{
	const auto kept_ns = static_cast<double>(std::exchange(kept_cost_ns_, 0));
	const auto sampled_ns = static_cast<double>(std::exchange(sampled_cost_ns_, 0));
	const auto spare_ns = static_cast<double>(std::exchange(spare_cost_ns_, 0));
	const auto switch_ns = static_cast<double>(std::exchange(switch_cost_ns_, 0));
	const std::size_t threads = std::exchange(threads_, {}).size();
	if (!begun_) {
		begun_ = kept_ns + sampled_ns + switch_ns > 0;
		last_ns_ = now_ns;
	}
	const uint64_t elapsed_ns = now_ns > last_ns_ ? now_ns - last_ns_ : 0;
	last_ns_ = now_ns;
	if (!begun_)
		return on_;
	watched_ns_ += elapsed_ns;
	on_ns_ += on_ ? elapsed_ns : 0;
	if (share_ >= 1)
		return on_;
	if (threads > 0) // while they are off, as many as before are taken to be at work
		at_work_ = threads;
	const double worked_ns = static_cast<double>(elapsed_ns) * static_cast<double>(at_work_);
	const double income_ns = worked_ns * share_;
	all_.add({kept_ns, sampled_ns, spare_ns, worked_ns});
	lately_.add_lately({kept_ns, sampled_ns, spare_ns, worked_ns});
	if (on_)
		lately_on_.add_lately({kept_ns, sampled_ns, spare_ns, worked_ns});
	const double paid_back_ns = std::min(income_ns, owed_ns_);
	owed_ns_ -= paid_back_ns;
	tokens_ns_ += income_ns - paid_back_ns;
	if (std::exchange(forgiving_, false)) {
		owed_ns_ += kept_ns + sampled_ns + switch_ns;
	} else {
		tokens_ns_ -= sampled_ns + switch_ns;
		// What nobody could have saved is not owed forever.
		tokens_ns_ = std::max(tokens_ns_ - kept_ns, std::min(tokens_ns_, -static_cast<double>(kCreditNs)));
	}
	tokens_ns_ = std::min(tokens_ns_, static_cast<double>(kCreditNs));
	if (on_ && with_spare_ && tokens_ns_ < 0 && lately_on_.worked_ns > kLongEnoughNs && is_enough_without_spare()) {
		with_spare_ = false;
	} else if (on_ && tokens_ns_ < -most_owed_ns() && helps_to_take_off()) {
		on_ = false;
		times_off_++;
	} else if (!on_ && are_gone && !for_good_ && tokens_ns_ >= static_cast<double>(kWindowNs)) {
		on_ = true;
	}
	return on_;
}

bool ProbeBudget::helps_to_take_off() const
{
	return lately_.share_of_kept() <= share_ || lately_.sampled_ns > kLittle * lately_.kept_ns;
}

// Time that is not spent on them is not worked either.
bool ProbeBudget::is_enough_without_spare() const
{
	const double left_ns = lately_on_.kept_ns + lately_on_.sampled_ns - lately_on_.spare_ns;
	return lately_on_.spare_ns > 0 && left_ns <= share_ * (lately_on_.worked_ns - lately_on_.spare_ns);
}

uint64_t ProbeBudget::hits_left() const
{
	if (share_ >= 1 || !on_)
		return UINT64_MAX;
	const double hit_ns =
		hits_ > 0 ? static_cast<double>(cost_of_hits_ns_) / static_cast<double>(hits_) : kUsualHitNs;
	const double left_ns = tokens_ns_ + most_owed_ns();
	if (left_ns > hit_ns)
		return static_cast<uint64_t>(left_ns / std::max(hit_ns, 1.0));
	return helps_to_take_off() ? 1 : UINT64_MAX;
}

} // namespace neuroperf::collector
