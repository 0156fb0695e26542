// SPDX-License-Identifier: Apache-2.0
// Tracepoints recorded by a BPF program (bpf/tracepoint_events.bpf.c): each event of a recorded process is copied into
// a ring of its CPU and becomes a sample of that tracepoint in the file. Costs the program a third of what a perf event
// does, one descriptor for each tracepoint instead of one for each task and CPU, and no event of others is copied.
//
// One thread. In each round: drain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/plan.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// Fields of a sample, in the file: the identity that all events have, the CPU, and the record itself.
constexpr uint64_t kTracepointSampleType = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
					   PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW;
// Ids of these events in a file: recording::kTracepointIdBase and the planned event's index.

// Whether the program can copy the records of this format whole.
bool can_record_by_bpf(const std::string &format_text);

struct BpfTracepointsCounts {
	uint64_t events = 0;
	uint64_t dropped = 0;          // a ring was full
	uint64_t recursion_misses = 0; // the program was running on that CPU already
	uint64_t bad_records = 0;      // no event of ours in a ring

	uint64_t lost() const { return dropped + recursion_misses + bad_records; }
};

class BpfTracepoints {
public:
	// Attaches to the planned events that are `by_bpf`. `program`: the launched one, stopped before exec, whose
	// events count from its exec on; else those of the plan's target. Nothing is recorded until enable().
	static Result<BpfTracepoints> open(const Plan &plan, pid_t program, std::size_t ring_bytes);
	BpfTracepoints(BpfTracepoints &&other) noexcept;
	BpfTracepoints &operator=(BpfTracepoints &&) = delete;
	~BpfTracepoints();

	void enable();
	void disable();
	// Events that are `of_host` are not recorded while another recorder has them.
	void leave_host_events(bool to_another);
	int descriptor() const; // to poll: readable when a ring fills
	// Appends the records of all events in the rings. Returns how full the fullest ring was, 0 to 1.
	double drain(std::string *to);
	const BpfTracepointsCounts &counts() const;
	uint64_t first_event_id() const; // for losses of all
	// Places of drivers that could not be probed, and why; a line each.
	const std::vector<std::string> &problems() const;

private:
	struct Impl;
	explicit BpfTracepoints(std::unique_ptr<Impl> impl);

	std::unique_ptr<Impl> impl_;
};

} // namespace neuroperf::collector
