// SPDX-License-Identifier: Apache-2.0
// Log-linear histogram of durations: 64 equal buckets per power of two, so a value read back is off by at most
// 1/128 (0.8 %) of itself. Histograms merge by adding counts. Memory is taken per power of two that occurs.
// (The idea is HdrHistogram's, Gil Tene.)
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace neuroperf::analyzer {

class Histogram {
public:
	void add(uint64_t value);
	void merge(const Histogram &other);
	uint64_t count() const { return count_; }
	// The value below or at which `share` (0..1) of the values lie: nearest rank, middle of its bucket, never
	// outside [min, max] given. 0 when empty.
	uint64_t percentile(double share, uint64_t min, uint64_t max) const;

private:
	static constexpr unsigned kSubBits = 6;
	static constexpr uint64_t kSubBuckets = 1u << kSubBits;
	// Values below 64 have buckets of their own (octave 0); octave n holds [64 << (n - 1), 64 << n).
	static constexpr unsigned kOctaves = 64 - kSubBits + 1;
	using Octave = std::array<uint64_t, kSubBuckets>;

	std::array<std::unique_ptr<Octave>, kOctaves> octaves_;
	uint64_t count_ = 0;
};

} // namespace neuroperf::analyzer
