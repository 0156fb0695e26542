/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracepoints as the kernel wrote them: one program for all, attached to each with its number as cookie. Copies the
 * record of a recorded process into the ring of the CPU. What drivers do without tracepoints is in driver_probes.bpf.h.
 *
 * It returns 1 always: 0 would hide the event from every other perf user of the tracepoint.
 */
#include <linux/ptrace.h>

#include <bpf/bpf_tracing.h>

#include "bpf/cpu_rings.bpf.h"
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

/* A ring gives room by sizes that the verifier knows: one of several steps. */
#define PUT_IF_FITS(step)                                                                                              \
	if (size <= (step)) {                                                                                          \
		struct np_tracepoint_event *event =                                                                    \
			bpf_ringbuf_reserve(ring, sizeof(struct np_tracepoint_event) + (step), 0);                     \
		if (!event)                                                                                            \
			goto dropped;                                                                                  \
		fill(event, time_ns, instruction(record, tracepoint), number, size);                                   \
		STILL_WITHIN(step, size);                                                                              \
		bpf_probe_read_kernel(event + 1, size, record + NP_COMMON_FIELDS);                                     \
		bpf_ringbuf_submit(event, np_wake_up(ring, sizeof(struct np_tracepoint_event) + (step)));              \
		return 1;                                                                                              \
	}

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

/* The tracepoint, and the ring that its event goes into; 0 if it is not wanted. `is_recorded`: the process is. */
static __always_inline const struct np_tracepoint *wanted(__u32 number, int is_recorded, void **ring)
{
	const struct np_tracepoint *tracepoint = bpf_map_lookup_elem(&np_tracepoints, &number);
	if (!tracepoint)
		return 0;
	if (!is_recorded && !(tracepoint->everywhere ? np_enabled : np_is_recorded(tracepoint->is_exec)))
		return 0;
	*ring = np_ring_of_this_cpu();
	return *ring ? tracepoint : 0;
}

SEC("tracepoint")
int np_tracepoint(void *record)
{
	const __u32 number = bpf_get_attach_cookie(record);
	void *ring = 0;
	const struct np_tracepoint *tracepoint = wanted(number, 0, &ring);
	if (!tracepoint)
		return 1;
	const __u64 time_ns = bpf_ktime_get_ns();
	__u64 size = record_size(record, tracepoint) - NP_COMMON_FIELDS;
	asm volatile("" : "+r"(size)); /* the verifier is to see that what is compared below is what is copied */
	PUT_IF_FITS(32)
	PUT_IF_FITS(64)
	PUT_IF_FITS(128)
	PUT_IF_FITS(256)
	PUT_IF_FITS(1024)
	PUT_IF_FITS(NP_LARGEST_TRACEPOINT)
dropped:
	__sync_fetch_and_add(&np_dropped[number & (NP_MOST_TRACEPOINTS - 1)], 1);
	return 1;
}

/* Puts the text that a field points to behind the record, of which so much may be there, and says in the field where
 * that is. Returns where it ends. */
static __always_inline __u64 take_text(char *copy, __u64 room, __u64 at, __u64 to, int of_program)
{
	asm volatile("" : "+r"(at), "+r"(to));
	if (at > room - sizeof(__u64) || to > room + (NP_MOST_TEXTS - 1) * NP_TEXT_BYTES)
		return to;
	__u64 field;
	__builtin_memcpy(&field, copy + at, sizeof(field));
	long length = of_program ? bpf_probe_read_user_str(copy + to, NP_TEXT_BYTES, (void *)field)
				 : bpf_probe_read_kernel_str(copy + to, NP_TEXT_BYTES, (void *)field);
	if (length <= 0) { /* nothing is there */
		copy[to] = 0;
		length = 1;
	}
	field = (NP_COMMON_FIELDS + to) | (__u64)length << 16;
	__builtin_memcpy(copy + at, &field, sizeof(field));
	return to + length;
}

/* Of a record of at most `room` bytes. Returns 0 if the ring has no room. */
static __always_inline int put_with_texts(void *record, const struct np_tracepoint *tracepoint, void *ring,
					  __u32 number, __u64 size, __u64 room)
{
	const __u64 time_ns = bpf_ktime_get_ns(), most = room + NP_MOST_TEXTS * NP_TEXT_BYTES;
	struct np_tracepoint_event *event = bpf_ringbuf_reserve(ring, sizeof(*event) + most, 0);
	if (!event)
		return 0;
	char *copy = (char *)(event + 1);
	asm volatile("" : "+r"(size));
	if (size > room)
		size = room;
	STILL_WITHIN(room, size);
	bpf_probe_read_kernel(copy, size, record + NP_COMMON_FIELDS);
	for (__u32 i = 0; i < NP_MOST_TEXTS; i++)
		if (i < tracepoint->texts)
			size = take_text(copy, room, tracepoint->text_offsets[i] - NP_COMMON_FIELDS, size,
					 tracepoint->is_system_call);
	fill(event, time_ns, instruction(record, tracepoint), number, size);
	bpf_ringbuf_submit(event, np_wake_up(ring, sizeof(*event) + most));
	return 1;
}

/* Events with fields that are pointers to texts, as drivers like them: outside the kernel they mean nothing. */
SEC("tracepoint")
int np_tracepoint_with_texts(void *record)
{
	const __u32 number = bpf_get_attach_cookie(record);
	void *ring = 0;
	const struct np_tracepoint *tracepoint = wanted(number, 0, &ring);
	if (!tracepoint)
		return 1;
	const __u64 size = record_size(record, tracepoint) - NP_COMMON_FIELDS;
	const int is_put = size <= NP_SMALL_RECORD
				   ? put_with_texts(record, tracepoint, ring, number, size, NP_SMALL_RECORD)
				   : put_with_texts(record, tracepoint, ring, number, size, NP_RECORD_WITH_TEXTS);
	if (!is_put)
		__sync_fetch_and_add(&np_dropped[number & (NP_MOST_TRACEPOINTS - 1)], 1);
	return 1;
}

#include "bpf/driver_probes.bpf.h"
