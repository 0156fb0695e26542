// SPDX-License-Identifier: Apache-2.0
// From the CPU's counter (TSC, CNTVCT) to CLOCK_MONOTONIC.
//
// The kernel offers no conversion for software events, so the recorder takes moments on both clocks and interpolates
// between two neighbours: piecewise linear, continuous, monotonic. A stamp can be converted once a later moment exists,
// and gives the same time whenever it is.
// Without a constant counter, stamps are CLOCK_MONOTONIC already and pass through.
#pragma once

#include <cstdint>
#include <vector>

namespace neuroperf::collector {

struct ClockMoment {
	uint64_t counter = 0; // counter, or nanoseconds when there is no constant counter
	uint64_t monotonic_ns = 0;
	uint64_t realtime_ns = 0;
};

uint64_t monotonic_now_ns();

class CounterClock {
public:
	// Takes the first moment.
	explicit CounterClock(bool use_counter);

	// Takes a moment. Stamps up to its counter can be converted from now on.
	const ClockMoment &advance();
	const ClockMoment &latest() const { return latest_; }
	// The counter now (nanoseconds without a constant counter).
	uint64_t read_counter() const;

	// Nanoseconds of CLOCK_MONOTONIC for a stamp not later than the latest moment. Stamps before the first moment
	// that is still kept are extrapolated backwards (at most to 0).
	uint64_t to_monotonic_ns(uint64_t stamp) const
	{
		if (stamp < previous_.counter)
			return earlier_ns(stamp);
		return ns_before(latest_, ns_per_tick_, stamp);
	}

	double ns_per_tick() const { return ns_per_tick_; }
	// Largest distance seen between a moment and where the moments before it had predicted it.
	uint64_t residual_ns() const { return residual_ns_; }

private:
	static uint64_t ns_before(const ClockMoment &moment, double ns_per_tick, uint64_t stamp)
	{
		const double distance = static_cast<double>(static_cast<int64_t>(stamp - moment.counter));
		const int64_t ns =
			static_cast<int64_t>(moment.monotonic_ns) + static_cast<int64_t>(distance * ns_per_tick);
		return ns > 0 ? static_cast<uint64_t>(ns) : 0;
	}
	uint64_t earlier_ns(uint64_t stamp) const;
	void keep(const ClockMoment &moment);

	bool use_counter_;
	ClockMoment previous_, latest_;
	std::vector<ClockMoment> kept_; // in order, up to the latest
	double ns_per_tick_ = 1.0;
	unsigned moments_ = 0;
	uint64_t residual_ns_ = 0;
};

} // namespace neuroperf::collector
