/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracepoints as the kernel wrote them: one program for all, attached to each with its number as cookie. Copies the
 * record of a recorded process into the ring of the CPU. System calls come a shorter way: system_calls.bpf.h. What
 * drivers do without tracepoints is in driver_probes.bpf.h.
 *
 * It returns 1 always: 0 would hide the event from every other perf user of the tracepoint.
 */
#include <linux/ptrace.h>

#include <bpf/bpf_tracing.h>

#include "bpf/mapped_rings.bpf.h"
#include "bpf/recorded_processes.bpf.h"
#include "bpf/thread_numbers.bpf.h"
#include "bpf/tracepoint_event.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_MOST_TRACEPOINTS);
	__type(key, __u32);
	__type(value, struct np_tracepoint);
} np_tracepoints SEC(".maps");

/* Events for which a ring had no room, by tracepoint. */
__u64 np_dropped[NP_MOST_TRACEPOINTS];

/* System calls may be interrupted by other events: where both are recorded, those of the CPU's go to rings behind
 * these. */
const volatile __u32 np_first_ring_of_calls = 0;

static __always_inline __u32 ring_of_others(void)
{
	return bpf_get_smp_processor_id();
}

static __always_inline __u32 ring_of_calls(void)
{
	return np_first_ring_of_calls + bpf_get_smp_processor_id();
}

/* Another recorder has the events NP_OF_HOST. */
__u8 np_host_is_elsewhere = 0;

static __always_inline __u64 record_size(void *record, const struct np_tracepoint *tracepoint)
{
	__u64 size = tracepoint->fixed_size;
	for (__u32 i = 0; i < NP_MOST_DATA_LOCS; i++) {
		if (i >= tracepoint->data_locs)
			break;
		__u32 location = 0, offset = tracepoint->data_loc_offsets[i];
		bpf_probe_read_kernel(&location, sizeof(location), record + (offset & (NP_LARGEST_TRACEPOINT - 1)));
		const __u64 end = (location & 0xffff) + (location >> 16);
		size = end > size ? end : size;
	}
	return size;
}

/* Says again that `size` is within `step`: verifiers up to 6.1 forget it where the compiler spills `size` to the stack.
 */
#define STILL_WITHIN(step, size)                                                                                       \
	asm volatile("if %[value] <= %[most] goto +1; %[value] = %[most]" : [value] "+r"(size) : [most] "i"(step))

static __always_inline __u64 instruction_of_program(void)
{
	struct pt_regs *registers = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u64 ip = PT_REGS_IP(registers);
	asm volatile("" : "+r"(ip)); /* not one load for this and for what is on the stack: verifiers refuse that */
	return ip;
}

/* The kernel hands its registers over in place of the record's first fields. */
static __always_inline __u64 instruction(void *record, const struct np_tracepoint *tracepoint)
{
	struct pt_regs *registers = 0;
	__u64 ip = 0;
	if (tracepoint->is_system_call)
		return instruction_of_program();
	bpf_probe_read_kernel(&registers, sizeof(registers), record);
	bpf_probe_read_kernel(&ip, sizeof(ip), &PT_REGS_IP(registers));
	return ip;
}

static __always_inline void fill(struct np_tracepoint_event *event, __u64 time_ns, __u64 ip, __u32 number, __u64 size)
{
	const __u64 thread = np_thread_numbers();
	event->time_ns = time_ns;
	event->ip = ip;
	event->pid = thread >> 32;
	event->tid = (__u32)thread;
	event->cpu = bpf_get_smp_processor_id();
	event->tracepoint = number;
	event->size = size;
}

/* 0 if it is not wanted. `is_recorded`: the process is. */
static __always_inline const struct np_tracepoint *wanted(__u32 number, int is_recorded)
{
	const struct np_tracepoint *tracepoint = bpf_map_lookup_elem(&np_tracepoints, &number);
	if (!tracepoint || (tracepoint->everywhere == NP_OF_HOST && np_host_is_elsewhere))
		return 0;
	if (!is_recorded && !(tracepoint->everywhere ? np_enabled : np_is_recorded(tracepoint->is_exec)))
		return 0;
	return tracepoint;
}

static __always_inline void count_dropped(__u32 number)
{
	__sync_fetch_and_add(&np_dropped[number & (NP_MOST_TRACEPOINTS - 1)], 1);
}

/* Fields that are pointers to texts, as drivers like them, mean nothing outside the kernel. Puts the texts, one after
 * the other, behind the fields, of which there are at most `most` bytes, and returns where they end. */
static __always_inline __u64 take_texts(char *fields, __u64 most, __u64 end, const struct np_tracepoint *tracepoint)
{
	for (__u32 i = 0; i < NP_MOST_TEXTS; i++) {
		const __u64 at = tracepoint->text_offsets[i] - NP_COMMON_FIELDS;
		if (i >= tracepoint->texts || at > most - sizeof(__u64))
			break;
		const void *text = (void *)*(__u64 *)(fields + at);
		char *to = fields + end;
		long length = tracepoint->is_system_call ? bpf_probe_read_user_str(to, NP_TEXT_BYTES, text)
							 : bpf_probe_read_kernel_str(to, NP_TEXT_BYTES, text);
		if (length <= 0 || length > NP_TEXT_BYTES) { /* nothing is there */
			*to = 0;
			length = 1;
		}
		end += length;
	}
	return end;
}

SEC("tracepoint")
int np_tracepoint(void *record)
{
	const __u32 number = bpf_get_attach_cookie(record);
	const struct np_tracepoint *tracepoint = wanted(number, 0);
	struct np_room room;
	if (!tracepoint)
		return 1;
	const __u64 time_ns = bpf_ktime_get_ns();
	struct np_tracepoint_event *event = (void *)np_room_of(
		ring_of_others(), &room, sizeof(*event) + NP_LARGEST_TRACEPOINT + NP_MOST_TEXTS * NP_TEXT_BYTES);
	if (!event) {
		count_dropped(number);
		return 1;
	}
	__u64 size = record_size(record, tracepoint) - NP_COMMON_FIELDS;
	asm volatile("" : "+r"(size)); /* the verifier is to see that what is compared is what is copied */
	if (size > NP_LARGEST_TRACEPOINT)
		size = NP_LARGEST_TRACEPOINT;
	STILL_WITHIN(NP_LARGEST_TRACEPOINT, size);
	char *fields = (char *)(event + 1);
	bpf_probe_read_kernel(fields, size, record + NP_COMMON_FIELDS);
	fill(event, time_ns, instruction(record, tracepoint), number, size);
	np_put(&room, sizeof(*event) + take_texts(fields, NP_LARGEST_TRACEPOINT, size, tracepoint));
	return 1;
}

#include "bpf/driver_probes.bpf.h"
#include "bpf/system_calls.bpf.h"
