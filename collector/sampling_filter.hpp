// SPDX-License-Identifier: Apache-2.0
// A BPF program that keeps the samples of the recorded processes, for events on whole CPUs (bpf/sampling_filter.bpf.c).
//
// A process of hundreds of threads on a machine of hundreds of CPUs would need an event for each pair of them. With
// this, one event a CPU is enough; what it costs are interrupts in other processes, whose samples the kernel drops.
#pragma once

#include <memory>

#include "collector/plan.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

class SamplingFilter {
public:
	// Keeps the samples of the plan's processes, and of what they fork from now on.
	static Result<SamplingFilter> open(const Plan &plan);
	SamplingFilter(SamplingFilter &&other) noexcept;
	SamplingFilter &operator=(SamplingFilter &&) = delete;
	~SamplingFilter();

	// For PERF_EVENT_IOC_SET_BPF, on each event that samples.
	int program() const;

private:
	struct Impl;
	explicit SamplingFilter(std::unique_ptr<Impl> impl);

	std::unique_ptr<Impl> impl_;
};

} // namespace neuroperf::collector
