// SPDX-License-Identifier: Apache-2.0
// How durations are spread: what tables show of many of them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "analyzer/histogram.hpp"

namespace neuroperf::analyzer {

class Spread {
public:
	void add(uint64_t ns)
	{
		histogram_.add(ns);
		min_ns_ = std::min(min_ns_, ns);
		max_ns_ = std::max(max_ns_, ns);
		total_ns_ += ns;
	}
	uint64_t count() const { return histogram_.count(); }
	uint64_t total_ns() const { return total_ns_; }
	uint64_t min_ns() const { return count() > 0 ? min_ns_ : 0; }
	uint64_t max_ns() const { return max_ns_; }
	uint64_t percentile_ns(double share) const { return histogram_.percentile(share, min_ns(), max_ns_); }

private:
	Histogram histogram_;
	uint64_t min_ns_ = UINT64_MAX, max_ns_ = 0, total_ns_ = 0;
};

} // namespace neuroperf::analyzer
