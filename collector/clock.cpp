// SPDX-License-Identifier: Apache-2.0
#include "collector/clock.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

namespace neuroperf::collector {
namespace {

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

} // namespace

uint64_t monotonic_now_ns()
{
	return read_clock_ns(CLOCK_MONOTONIC);
}

CounterClock::CounterClock(bool use_counter) : use_counter_(use_counter)
{
	latest_ = previous_ = take_moment(use_counter);
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
	if (use_counter_)
		ns_per_tick_ = static_cast<double>(latest_.monotonic_ns - previous_.monotonic_ns) /
			       static_cast<double>(latest_.counter - previous_.counter);
	return latest_;
}

} // namespace neuroperf::collector
