// SPDX-License-Identifier: Apache-2.0
// How durations are spread: what tables show of many of them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "analyzer/histogram.hpp"

namespace neuroperf::analyzer {

struct Durations {
	uint64_t count = 0, total_ns = 0, min_ns = UINT64_MAX, max_ns = 0;
	Histogram histogram;

	void add(uint64_t duration_ns)
	{
		count++;
		total_ns += duration_ns;
		min_ns = std::min(min_ns, duration_ns);
		max_ns = std::max(max_ns, duration_ns);
		histogram.add(duration_ns);
	}
	uint64_t percentile(double share) const { return histogram.percentile(share, min_ns, max_ns); }
};

} // namespace neuroperf::analyzer
