// SPDX-License-Identifier: Apache-2.0
#include "collector/event_attr.hpp"

#include <ctime>

#include "recording/perf_layout.hpp"

namespace neuroperf::collector {
namespace {

// All general registers of user code: what an unwinder may need. Bits as in asm/perf_regs.h.
#if defined(__x86_64__)
constexpr uint64_t kUserRegisters = 0xff0fff; // without the segments ds, es, fs, gs
#elif defined(__aarch64__)
constexpr uint64_t kUserRegisters = (uint64_t{1} << 33) - 1;
#else
constexpr uint64_t kUserRegisters = 0;
#endif

constexpr uint64_t kCommonSampleType = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
				       PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD;

// With how long it was enabled and how long it counted.
constexpr uint64_t kReadFormat = PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;

void set_common(perf_event_attr *attr)
{
	attr->size = recording::kAttrSize;
	attr->read_format = kReadFormat;
	attr->inherit = 1;
	attr->sample_id_all = 1;
	attr->use_clockid = 1;
	attr->clockid = CLOCK_MONOTONIC;
	attr->watermark = 1;
	attr->wakeup_watermark = 128 * 1024;
}

void add_call_chain(perf_event_attr *attr, const RecordOptions &options)
{
	if (options.callgraph == CallGraph::none)
		return;
	attr->sample_type |= PERF_SAMPLE_CALLCHAIN;
	attr->exclude_callchain_kernel = attr->exclude_kernel;
	if (options.callgraph == CallGraph::dwarf && kUserRegisters != 0) {
		attr->exclude_callchain_user = 1; // it is unwound from the copy of the stack
		attr->sample_type |= PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
		attr->sample_regs_user = kUserRegisters;
		attr->sample_stack_user = options.stack_bytes;
	}
}

} // namespace

perf_event_attr sampling_attr(const RequestedEvent &event, const RecordOptions &options, unsigned frequency_hz)
{
	perf_event_attr attr = event.attr;
	set_common(&attr);
	attr.sample_type = kCommonSampleType;
	if (options.user_only) {
		attr.exclude_kernel = 1;
		attr.exclude_hv = 1;
	}
	const bool is_tracepoint = attr.type == PERF_TYPE_TRACEPOINT;
	if (is_tracepoint)
		attr.sample_type |= PERF_SAMPLE_RAW;
	if (event.period || options.period || (is_tracepoint && !event.frequency_hz)) {
		attr.sample_period = event.period ? *event.period : options.period.value_or(1);
	} else {
		attr.freq = 1;
		attr.sample_freq = event.frequency_hz.value_or(frequency_hz);
	}
	add_call_chain(&attr, options);
	return attr;
}

void make_counting_member(perf_event_attr *attr)
{
	attr->freq = 0;
	attr->sample_period = 0;
	attr->sample_type |= PERF_SAMPLE_READ;
	attr->read_format = kReadFormat | PERF_FORMAT_GROUP;
	attr->inherit = 0;
}

void make_reading_leader(perf_event_attr *attr)
{
	attr->sample_type |= PERF_SAMPLE_READ;
	attr->read_format = kReadFormat | PERF_FORMAT_GROUP;
	attr->inherit = 0;
}

void add_side_band(perf_event_attr *attr)
{
	attr->mmap = 1;
	attr->mmap2 = 1;
	attr->comm = 1;
	attr->comm_exec = 1;
	attr->task = 1;
}

void add_context_switches(perf_event_attr *attr)
{
	attr->context_switch = 1;
}

perf_event_attr side_band_attr(const RecordOptions &options)
{
	RequestedEvent dummy;
	dummy.attr.type = PERF_TYPE_SOFTWARE;
	dummy.attr.config = PERF_COUNT_SW_DUMMY;
	dummy.attr.exclude_kernel = 1; // it has no samples; so it needs no privilege
	dummy.attr.exclude_hv = 1;
	RecordOptions plain;
	plain.period = 1;
	plain.user_only = options.user_only;
	perf_event_attr attr = sampling_attr(dummy, plain, 0);
	add_side_band(&attr);
	return attr;
}

void set_start(perf_event_attr *attr, Start start)
{
	attr->disabled = start != Start::with_leader;
	attr->enable_on_exec = start == Start::at_exec;
}

} // namespace neuroperf::collector
