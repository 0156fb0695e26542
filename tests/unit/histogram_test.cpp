// SPDX-License-Identifier: Apache-2.0
#include "analyzer/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace neuroperf::analyzer {
namespace {

// Values of all magnitudes: as many between 1 and 2 as between 2^62 and 2^63.
std::vector<uint64_t> values_of_all_magnitudes(unsigned seed, std::size_t count)
{
	std::mt19937_64 random(seed);
	std::vector<uint64_t> values;
	for (std::size_t i = 0; i < count; i++)
		values.push_back(random() >> random() % 64);
	return values;
}

uint64_t nearest_rank(const std::vector<uint64_t> &sorted, double share)
{
	const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
	return sorted[std::max<std::size_t>(rank, 1) - 1];
}

TEST(Histogram, PercentilesAreOffByAtMostOnePercent)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		std::vector<uint64_t> values = values_of_all_magnitudes(seed, 999);
		Histogram histogram;
		for (const uint64_t value : values)
			histogram.add(value);
		std::sort(values.begin(), values.end());
		for (const double share : {0.0, 0.001, 0.25, 0.5, 0.95, 0.99, 0.999, 1.0}) {
			const auto exact = static_cast<double>(nearest_rank(values, share));
			const auto told = static_cast<double>(histogram.percentile(share, 0, UINT64_MAX));
			EXPECT_LE(std::fabs(told - exact), exact * 0.01) << "share " << share << " seed " << seed;
		}
	}
}

TEST(Histogram, EverySingleValueComesBackWithinOnePercent)
{
	for (unsigned shift = 0; shift < 64; shift++) {
		for (const uint64_t value :
		     {uint64_t{1} << shift, (uint64_t{1} << shift) - 1, (uint64_t{3} << shift) / 2}) {
			Histogram histogram;
			histogram.add(value);
			const auto told = static_cast<double>(histogram.percentile(0.5, 0, UINT64_MAX));
			EXPECT_LE(std::fabs(told - static_cast<double>(value)), static_cast<double>(value) * 0.01)
				<< value;
		}
	}
	Histogram largest;
	largest.add(UINT64_MAX);
	EXPECT_GT(largest.percentile(0.5, 0, UINT64_MAX), UINT64_MAX / 100 * 99);
}

TEST(Histogram, StaysWithinWhatWasSeen)
{
	Histogram histogram;
	histogram.add(1001);
	EXPECT_EQ(histogram.percentile(0.5, 1001, 1001), 1001u);
	histogram.add(1003);
	EXPECT_LE(histogram.percentile(1.0, 1001, 1003), 1003u);
	EXPECT_EQ(Histogram().percentile(0.5, 5, 9), 0u);
}

TEST(Histogram, MergingEqualsAddingAll)
{
	Histogram one, two, all;
	for (const uint64_t value : values_of_all_magnitudes(1, 500)) {
		one.add(value);
		all.add(value);
	}
	for (const uint64_t value : values_of_all_magnitudes(2, 700)) {
		two.add(value);
		all.add(value);
	}
	one.merge(two);
	one.merge(Histogram());
	EXPECT_EQ(one.count(), 1200u);
	for (int permille = 0; permille <= 1000; permille++)
		ASSERT_EQ(one.percentile(permille / 1000.0, 0, UINT64_MAX),
			  all.percentile(permille / 1000.0, 0, UINT64_MAX));
}

} // namespace
} // namespace neuroperf::analyzer
