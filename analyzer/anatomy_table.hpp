// SPDX-License-Identifier: Apache-2.0
// The tables "anatomy" and "cpu_time" of the report. "anatomy": the wall time of inferences and layers, split into what
// the calling thread did meanwhile. The parts are a partition (thread_states.hpp): they add up to the wall time, to the
// nanosecond.
//
// Time on a CPU has no exact source for its parts: user code, the kernel, and of this its handling of page faults are
// apportioned by the samples that fell inside, where there are kSamplesToApportion or more.
#pragma once

#include "analyzer/layer_tables.hpp"
#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

constexpr uint64_t kSamplesToApportion = 30;

// What samples tell of time on a CPU.
struct SampledParts {
	bool kernel = false;      // they are of a clock, in user code and in the kernel
	bool page_faults = false; // they have call chains, and functions of the kernel have names
};

// Without rows where no thread was followed. States that were not recorded have no columns.
Table make_anatomy(const LayerRows &rows, const SampledParts &sampled, const RecordedStates &recorded);

// CPU time of all threads that worked inside: the caller, and others of its process. Without rows where nobody knows.
Table make_cpu_time(const LayerRows &rows, const RecordedStates &recorded);

} // namespace neuroperf::analyzer
