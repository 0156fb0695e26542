// SPDX-License-Identifier: Apache-2.0
#include "analyzer/collectives.hpp"

#include <algorithm>
#include <cmath>

namespace neuroperf::analyzer {

bool is_exchange(std::string_view name, std::string_view kind)
{
	if (kind == "exchange" || name.starts_with("MPI_"))
		return true;
	return kind == "phase" && (name.find("exchange") != name.npos || name.find("Exchange") != name.npos);
}

void CollectiveEnds::add(ThreadId thread, uint64_t time_ns)
{
	if (!thread_)
		thread_ = thread;
	if (*thread_ != thread)
		return;
	if (ends_.size() == kMost) {
		for (std::size_t i = 0; i < kMost / 2; i++)
			ends_[i] = ends_[2 * i];
		ends_.resize(kMost / 2);
		stride_ *= 2;
	}
	if (count_ % stride_ == 0)
		ends_.push_back(time_ns);
	count_++;
}

std::optional<ClockComparison> ClockComparison::make(const CollectiveEnds &reference, const CollectiveEnds &other)
{
	// Strides are powers of two: what the wider one kept, the other has.
	const uint64_t stride = std::max(reference.stride_, other.stride_);
	std::vector<double> differences;
	for (uint64_t call = 0;; call += stride) {
		const uint64_t a = call / reference.stride_, b = call / other.stride_;
		if (a >= reference.ends_.size() || b >= other.ends_.size())
			break;
		if (reference.ends_[a] != 0 && other.ends_[b] != 0)
			differences.push_back(
				static_cast<double>(static_cast<int64_t>(other.ends_[b] - reference.ends_[a])));
	}
	if (differences.size() < kFewest)
		return std::nullopt;
	std::sort(differences.begin(), differences.end());
	ClockComparison result;
	result.calls = differences.size();
	result.same_count = reference.count_ == other.count_;
	const std::size_t middle = differences.size() / 2;
	result.offset_ns =
		differences.size() % 2 ? differences[middle] : (differences[middle - 1] + differences[middle]) / 2;
	std::vector<double> distances;
	for (const double difference : differences)
		distances.push_back(std::abs(difference - result.offset_ns));
	std::sort(distances.begin(), distances.end());
	result.error_ns = distances[(9 * distances.size() + 9) / 10 - 1];
	return result;
}

} // namespace neuroperf::analyzer
