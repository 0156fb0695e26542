// SPDX-License-Identifier: Apache-2.0
// Keeps what probes cost a program within a share of its time: those that can be done without for a while are taken off
// when they have cost more than the share allows, and put back when enough time has passed.
//
// A token bucket: each nanosecond of each thread that is at work in a runtime brings `share` of a nanosecond, a hit
// takes what it costs. It begins with kCredit, so that short programs are recorded whole, and never holds more: what
// has been saved in idle time is not spent at once.
#pragma once

#include <cstdint>

namespace neuroperf::collector {

class ProbeBudget {
public:
	static constexpr uint64_t kCreditNs = 25'000'000;
	static constexpr uint64_t kWindowNs = 10'000'000; // of cost, for which they are put back

	// A share of 1 or more: no limit.
	explicit ProbeBudget(double share) : share_(share) {}

	// Called in each round with what hits since the last one have cost, of probes that can be taken off and of
	// those that cannot, and on how many threads they were. Whether the former are to be there from now on.
	bool update(uint64_t now_ns, uint64_t sampled_cost_ns, uint64_t kept_cost_ns, unsigned threads);

	bool is_on() const { return on_; }
	bool has_limited() const { return times_off_ > 0; }
	uint64_t times_off() const { return times_off_; }
	// Since the first hit: how long, and how much of it they were there.
	uint64_t watched_ns() const { return watched_ns_; }
	uint64_t on_ns() const { return on_ns_; }
	double share() const { return share_; }

private:
	double share_, tokens_ns_ = kCreditNs;
	bool on_ = true, begun_ = false;
	unsigned threads_ = 1;
	uint64_t last_ns_ = 0, watched_ns_ = 0, on_ns_ = 0, times_off_ = 0;
};

} // namespace neuroperf::collector
