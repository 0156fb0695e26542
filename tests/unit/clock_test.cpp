// SPDX-License-Identifier: Apache-2.0
#include "collector/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace neuroperf::collector {
namespace {

TEST(CounterClock, WithoutACounterStampsPassThrough)
{
	CounterClock clock(false);
	clock.advance();
	const uint64_t now = clock.latest().monotonic_ns;
	EXPECT_EQ(clock.to_monotonic_ns(now), now);
	EXPECT_EQ(clock.to_monotonic_ns(now - 12345), now - 12345);
	EXPECT_EQ(clock.residual_ns(), 0u);
}

TEST(CounterClock, ConvertsTheCounterToNanoseconds)
{
	CounterClock clock(true);
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	const ClockMoment before = clock.advance();
	std::this_thread::sleep_for(std::chrono::milliseconds(20));
	const ClockMoment after = clock.advance();
	ASSERT_GT(after.counter, before.counter) << "has this machine a counter?";
	EXPECT_EQ(clock.to_monotonic_ns(after.counter), after.monotonic_ns);
	EXPECT_NEAR(static_cast<double>(clock.to_monotonic_ns(before.counter)),
		    static_cast<double>(before.monotonic_ns), 2);
	const uint64_t middle = clock.to_monotonic_ns((before.counter + after.counter) / 2);
	EXPECT_GT(middle, before.monotonic_ns);
	EXPECT_LT(middle, after.monotonic_ns);
	EXPECT_LT(after.monotonic_ns, monotonic_now_ns());
	EXPECT_GT(after.realtime_ns, 1'600'000'000'000'000'000u);
}

TEST(CounterClock, AStampIsTheSameTimeWheneverItIsConverted)
{
	CounterClock clock(true);
	std::vector<std::pair<uint64_t, uint64_t>> converted; // stamps, and when they were first converted
	for (int i = 0; i < 3000; i++) {                      // more than are kept
		const uint64_t stamp = clock.read_counter();
		clock.advance(); // at once: what two moments so near each other say of a tick is rough
		converted.emplace_back(stamp, clock.to_monotonic_ns(stamp));
		if (i % 100 != 0)
			continue;
		const auto first = converted.size() > 1000 ? converted.end() - 1000 : converted.begin();
		for (auto entry = first; entry != converted.end(); ++entry)
			ASSERT_EQ(clock.to_monotonic_ns(entry->first), entry->second) << i;
	}
	const auto [oldest, ns] = converted.front();
	EXPECT_NEAR(static_cast<double>(clock.to_monotonic_ns(oldest)), static_cast<double>(ns), 1000);
}

TEST(CounterClock, StampsFarInThePastDoNotWrap)
{
	CounterClock clock(true);
	std::this_thread::sleep_for(std::chrono::milliseconds(5));
	clock.advance();
	for (const uint64_t stamp : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, UINT64_MAX})
		EXPECT_LT(clock.to_monotonic_ns(stamp), uint64_t{1} << 63) << stamp;
}

} // namespace
} // namespace neuroperf::collector
