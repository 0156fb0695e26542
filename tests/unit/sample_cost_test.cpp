// SPDX-License-Identifier: Apache-2.0
#include "collector/sample_cost.hpp"

#include <gtest/gtest.h>

#include "collector/host.hpp"

namespace neuroperf::collector {
namespace {

// An interrupt and a record take some hundred nanoseconds at least, and on no machine a millisecond.
TEST(SampleCost, IsThatOfAnInterrupt)
{
	const HostSnapshot host = take_host_snapshot();
	if (host.cpu_clock_user_only_error != 0)
		GTEST_SKIP() << "perf: this machine does not let us sample";
	for (int i = 0; i < 3; i++)
		if (const auto cost_ns = try_sample_cost(host.cpu_clock_error != 0)) {
			EXPECT_GT(*cost_ns, 200u);
			EXPECT_LT(*cost_ns, 1'000'000u);
		}
	const bool has_counters = host.cycles_error == 0 || host.cycles_user_only_error == 0;
	EXPECT_FALSE(has_counters && host.sample_cost_ns) << "tried where it is needed only";
}

} // namespace
} // namespace neuroperf::collector
