// SPDX-License-Identifier: Apache-2.0
#include "collector/stolen_time.hpp"

#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

TEST(StolenTime, IsTheEighthNumberInTicks)
{
	EXPECT_EQ(stolen_ns("cpu  1630766 70904 290564 1229766 8509 7 1546 1083 11 12", 100), 10'830'000'000u);
	EXPECT_EQ(stolen_ns("cpu  1 2 3 4 5 6 7 0", 250), 0u);
	EXPECT_EQ(stolen_ns("cpu  1 2 3 4 5 6 7 1 0 0", 1000), 1'000'000u);
}

TEST(StolenTime, IsUnknownWhereTheKernelTellsLess)
{
	for (const char *line :
	     {"", "cpu ", "cpu  1 2 3 4", "cpu  1 2 3 4 5 6 7 x", "cpu0 1 2 3 4 5 6 7 8 9 10", "intr 1 2 3 4 5 6 7 8"})
		EXPECT_EQ(stolen_ns(line, 100), std::nullopt) << line;
	EXPECT_EQ(stolen_ns("cpu  1 2 3 4 5 6 7 8", 0), std::nullopt);
	EXPECT_EQ(stolen_ns("cpu  1 2 3 4 5 6 7 99999999999999999999999", 100), std::nullopt);
}

TEST(StolenTime, OfThisMachineNeverGoesBack)
{
	const auto first = stolen_ns(), second = stolen_ns();
	ASSERT_TRUE(first && second);
	EXPECT_LE(*first, *second);
}

} // namespace
} // namespace neuroperf::collector
