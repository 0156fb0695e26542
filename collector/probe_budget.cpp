// SPDX-License-Identifier: Apache-2.0
#include "collector/probe_budget.hpp"

#include <algorithm>

namespace neuroperf::collector {

bool ProbeBudget::update(uint64_t now_ns, uint64_t sampled_cost_ns, uint64_t kept_cost_ns, unsigned threads)
{
	if (!begun_) {
		begun_ = sampled_cost_ns + kept_cost_ns > 0;
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
		threads_ = threads;
	tokens_ns_ += static_cast<double>(elapsed_ns) * share_ * threads_;
	tokens_ns_ -= static_cast<double>(sampled_cost_ns) + static_cast<double>(kept_cost_ns);
	tokens_ns_ = std::min(tokens_ns_, static_cast<double>(kCreditNs));
	if (on_ && tokens_ns_ < 0) {
		on_ = false;
		times_off_++;
	} else if (!on_ && tokens_ns_ >= static_cast<double>(kWindowNs)) {
		on_ = true;
	}
	return on_;
}

} // namespace neuroperf::collector
