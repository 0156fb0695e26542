// SPDX-License-Identifier: Apache-2.0
#include "collector/clock.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

namespace neuroperf::collector {
namespace {

// Rounds are 2 to 50 ms apart, and an event waits for a thread that is held up in it: seconds at least.
constexpr std::size_t kMostKept = 2048;

uint64_t read_clock_ns(clockid_t clock)
{
	timespec now{};
	::clock_gettime(clock, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t read_cpu_counter()
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;
	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return 0;
#endif
}

// Both clocks at (nearly) one moment: of a few tries the one with the shortest way between two counter readings.
ClockMoment take_moment(bool use_counter)
{
	ClockMoment best;
	if (!use_counter) {
		best.counter = best.monotonic_ns = read_clock_ns(CLOCK_MONOTONIC);
		best.realtime_ns = read_clock_ns(CLOCK_REALTIME);
		return best;
	}
	uint64_t shortest = UINT64_MAX;
	for (int attempt = 0; attempt < 5; attempt++) {
		const uint64_t before = read_cpu_counter();
		const uint64_t monotonic = read_clock_ns(CLOCK_MONOTONIC);
		const uint64_t after = read_cpu_counter();
		if (after - before >= shortest)
			continue;
		shortest = after - before;
		best.counter = before + shortest / 2;
		best.monotonic_ns = monotonic;
	}
	best.realtime_ns = read_clock_ns(CLOCK_REALTIME) - (read_clock_ns(CLOCK_MONOTONIC) - best.monotonic_ns);
	return best;
}

// Nanoseconds of a tick.
double slope(const ClockMoment &from, const ClockMoment &to)
{
	return static_cast<double>(to.monotonic_ns - from.monotonic_ns) /
	       static_cast<double>(to.counter - from.counter);
}

} // namespace

uint64_t monotonic_now_ns()
{
	return read_clock_ns(CLOCK_MONOTONIC);
}

CounterClock::CounterClock(bool use_counter) : use_counter_(use_counter)
{
	latest_ = previous_ = take_moment(use_counter);
	keep(latest_);
	moments_ = 1;
}

uint64_t CounterClock::read_counter() const
{
	return use_counter_ ? read_cpu_counter() : read_clock_ns(CLOCK_MONOTONIC);
}

const ClockMoment &CounterClock::advance()
{
	const ClockMoment moment = take_moment(use_counter_);
	if (moment.counter <= latest_.counter || moment.monotonic_ns <= latest_.monotonic_ns)
		return latest_;
	// A prediction is worth judging once two moments well apart have given a slope.
	if (use_counter_ && moments_ >= 2 && latest_.monotonic_ns - previous_.monotonic_ns > 1'000'000) {
		const double predicted = ns_per_tick_ * static_cast<double>(moment.counter - latest_.counter);
		const double actual = static_cast<double>(moment.monotonic_ns - latest_.monotonic_ns);
		residual_ns_ = std::max(residual_ns_, static_cast<uint64_t>(std::fabs(predicted - actual)));
	}
	previous_ = latest_;
	latest_ = moment;
	moments_++;
	keep(latest_);
	if (use_counter_)
		ns_per_tick_ = slope(previous_, latest_);
	return latest_;
}

void CounterClock::keep(const ClockMoment &moment)
{
	if (kept_.size() == kMostKept)
		kept_.erase(kept_.begin(), kept_.begin() + kMostKept / 2);
	kept_.push_back(moment);
}

// Of a thread that was held up while it told something, and went on some rounds later.
uint64_t CounterClock::earlier_ns(uint64_t stamp) const
{
	if (!use_counter_)
		return stamp;
	const auto after =
		std::upper_bound(kept_.begin(), kept_.end(), stamp,
				 [](uint64_t value, const ClockMoment &moment) { return value < moment.counter; });
	if (after == kept_.begin()) { // the longest interval there is has the least error
		const double overall = kept_.size() > 1 ? slope(kept_.front(), kept_.back()) : ns_per_tick_;
		return ns_before(kept_.front(), overall, stamp);
	}
	return ns_before(*after, slope(*(after - 1), *after), stamp);
}

} // namespace neuroperf::collector
