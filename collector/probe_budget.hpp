// SPDX-License-Identifier: Apache-2.0
// Keeps what probes cost a program within a share of its time: those that can be done without for a while are taken off
// when they have cost more than the share allows, and put back when enough time has passed.
//
// A token bucket: each nanosecond of each thread that is at work in a runtime brings `share` of a nanosecond, a hit
// takes what it costs. It begins with kCredit, so that short programs are recorded whole; that is lent, and what comes
// in pays it back first: over longer times no more than the share is spent. It never holds more than that: what has
// been saved in idle time is not spent at once.
//
// What can be done without goes first, for good, where that is enough: up to kCredit may be owed then, until that is
// known, and until they are gone.
//
// Those that stay may cost more than the share by themselves. Then it cannot be kept, and others go only if they would
// cost something too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

namespace neuroperf::collector {

class ProbeBudget {
public:
	static constexpr uint64_t kCreditNs = 10'000'000;
	static constexpr uint64_t kWindowNs = 10'000'000; // of cost, for which they are put back

	// A share of 1 or more: no limit.
	explicit ProbeBudget(double share) : share_(share) {}
	// What is taken off stays off: it cannot be put back in time.
	void drop_for_good() { for_good_ = true; }

	// `is_spare`: of those that may be sampled, one that can be done without.
	void add_hit(uint64_t cost_ns, bool may_be_sampled, uint32_t thread, bool is_spare = false);
	// Taking probes off, or putting them back, has cost so much.
	void add_switch(uint64_t cost_ns) { switch_cost_ns_ += cost_ns; }
	// Once, ends begin to be seen: hits up to the next settling, which came before, do not use up what is lent at
	// the beginning, as short programs would have no durations. They are lent too.
	void forgive_once()
	{
		forgiving_ = !forgiven_;
		forgiven_ = true;
	}
	// In each round, when all hits so far have been added: whether those that may be taken off are to be there from
	// now on. `are_gone`: those that were taken off are, so that none would be there twice.
	bool settle(uint64_t now_ns, bool are_gone = true);

	// About how many hits there may be until those that may be taken off are to go; UINT64_MAX: as many as come.
	uint64_t hits_left() const;

	bool is_on() const { return on_; }
	// Whether those that can be done without are to be there.
	bool wants_spare() const { return with_spare_; }
	uint64_t times_off() const { return times_off_; }
	// Since the first hit: how long, and how much of it they were there.
	uint64_t watched_ns() const { return watched_ns_; }
	uint64_t on_ns() const { return on_ns_; }
	double share() const { return share_; }
	// What those cost that always stay, of the time of the threads at work; since the first hit.
	double share_of_kept() const { return all_.share_of_kept(); }

private:
	static constexpr std::size_t kMostThreads = 4096; // that are told apart in a round

	struct Spent {
		double kept_ns = 0, sampled_ns = 0, spare_ns = 0; // the last: part of the one before
		double worked_ns = 0;                             // time of all threads at work

		double share_of_kept() const { return worked_ns > 0 ? kept_ns / worked_ns : 0; }
		void add(const Spent &more)
		{
			kept_ns += more.kept_ns;
			sampled_ns += more.sampled_ns;
			spare_ns += more.spare_ns;
			worked_ns += more.worked_ns;
		}
		void add_lately(const Spent &more); // and forgets by and by what was long ago
	};
	bool helps_to_take_off() const;
	bool is_enough_without_spare() const;
	double most_owed_ns() const { return !with_spare_ || is_enough_without_spare() ? kCreditNs : 0; }

	double share_, tokens_ns_ = kCreditNs, owed_ns_ = kCreditNs;
	bool for_good_ = false, on_ = true, with_spare_ = true, begun_ = false, forgiving_ = false, forgiven_ = false;
	uint64_t sampled_cost_ns_ = 0, spare_cost_ns_ = 0, kept_cost_ns_ = 0,
		 switch_cost_ns_ = 0;             // since it was settled
	Spent all_, lately_, lately_on_;          // the last: while they were there
	uint64_t hits_ = 0, cost_of_hits_ns_ = 0; // in all
	std::set<uint32_t> threads_;              // likewise
	std::size_t at_work_ = 1;                 // threads, when they were last seen
	uint64_t last_ns_ = 0, watched_ns_ = 0, on_ns_ = 0, times_off_ = 0;
};

} // namespace neuroperf::collector
