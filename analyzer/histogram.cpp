// SPDX-License-Identifier: Apache-2.0
#include "analyzer/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace neuroperf::analyzer {

void Histogram::add(uint64_t value)
{
	const unsigned octave = value < kSubBuckets ? 0 : static_cast<unsigned>(std::bit_width(value)) - kSubBits;
	const uint64_t bucket = octave == 0 ? value : (value >> (octave - 1)) - kSubBuckets;
	if (!octaves_[octave])
		octaves_[octave] = std::make_unique<Octave>();
	(*octaves_[octave])[bucket]++;
	count_++;
}

void Histogram::merge(const Histogram &other)
{
	for (unsigned octave = 0; octave < kOctaves; octave++) {
		if (!other.octaves_[octave])
			continue;
		if (!octaves_[octave])
			octaves_[octave] = std::make_unique<Octave>();
		for (uint64_t bucket = 0; bucket < kSubBuckets; bucket++)
			(*octaves_[octave])[bucket] += (*other.octaves_[octave])[bucket];
	}
	count_ += other.count_;
}

uint64_t Histogram::percentile(double share, uint64_t min, uint64_t max) const
{
	if (count_ == 0)
		return 0;
	const uint64_t rank =
		std::clamp<uint64_t>(static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_))), 1, count_);
	uint64_t seen = 0;
	for (unsigned octave = 0; octave < kOctaves; octave++) {
		if (!octaves_[octave])
			continue;
		for (uint64_t bucket = 0; bucket < kSubBuckets; bucket++) {
			seen += (*octaves_[octave])[bucket];
			if (seen < rank)
				continue;
			if (octave == 0)
				return std::clamp(bucket, min, max);
			const uint64_t width = uint64_t{1} << (octave - 1);
			return std::clamp((bucket + kSubBuckets) * width + width / 2, min, max);
		}
	}
	return max;
}

} // namespace neuroperf::analyzer
