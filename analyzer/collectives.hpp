// SPDX-License-Identifier: Apache-2.0
// Exchange between the ranks of a run: which places are exchange, when it ended, and what that says of clocks.
//
// Ranks leave a collective call together, so the n-th exchange ends at the same time on all of them. Between hosts the
// difference of the two stamps is the difference of the clocks, plus what one of the ranks was late; the median over
// many calls is taken for the offset, and how far the calls disagree for its error (a delay that is always the same is
// not in it). On one host there is one clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

// A phase that says "exchange", anything of the kind "exchange", or an MPI function.
bool is_exchange(std::string_view name, std::string_view kind);

// When the exchanges of a rank ended, in order: all of them, or of a long run every 2nd, 4th, ... one.
class CollectiveEnds {
public:
	static constexpr std::size_t kMost = 4096; // kept

	// Only those of the first thread that exchanges; the n-th call of several threads is no collective one.
	// time_ns 0: it ended, nobody saw when.
	void add(ThreadId thread, uint64_t time_ns);
	uint64_t count() const { return count_; }

private:
	friend struct ClockComparison;
	std::optional<ThreadId> thread_;
	uint64_t count_ = 0, stride_ = 1;
	std::vector<uint64_t> ends_; // of the calls number 0, stride_, 2 * stride_ ...
};

struct ClockComparison {
	static constexpr uint64_t kFewest = 3; // calls; fewer say nothing of the error

	uint64_t calls = 0;     // compared
	double offset_ns = 0;   // what the other clock is ahead
	double error_ns = 0;    // nine of ten calls are within offset +- error
	bool same_count = true; // both ranks saw as many calls; else the n-th may not be the same one

	// Nothing where fewer than kFewest calls can be compared.
	static std::optional<ClockComparison> make(const CollectiveEnds &reference, const CollectiveEnds &other);
};

} // namespace neuroperf::analyzer
