/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Places of which the kernel has no tracepoint, as events like those of tracepoints: system calls on the device files
 * of drivers, with what their argument points to, and functions of drivers, with their arguments.
 *
 * Part of tracepoint_events.bpf.c.
 */
#ifndef NEUROPERF_DRIVER_PROBES_BPF_H
#define NEUROPERF_DRIVER_PROBES_BPF_H

#include "bpf/driver_probe.h"
#include "bpf/open_file.bpf.h"

/* Some probe is of all requests of its device. */
const volatile __u8 np_any_requests = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NP_MOST_PROBED_CALLS);
	__type(key, struct np_probed_call_key);
	__type(value, struct np_probed_call);
} np_probed_calls SEC(".maps");

/* What a thread is in: the file may be closed, or be another one, before the call ends. */
struct np_open_call {
	struct np_probed_call call;
	__u32 device, request;
	__u64 arguments[3];
	char given[NP_GIVEN_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NP_MOST_OPEN_CALLS);
	__type(key, __u64); /* the thread */
	__type(value, struct np_open_call);
} np_open_calls SEC(".maps");

/* One system call begins at a time on a CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_open_call);
} np_call_scratch SEC(".maps");

/* An event in its ring, being written. */
struct np_probe_event {
	struct np_tracepoint_event event;
	struct np_probe_record record;
	char bytes[NP_MOST_ARGUMENT_BYTES + NP_MOST_POINTED_BYTES];
};

static __always_inline struct np_probe_event *probe_event(struct np_room *room, __u32 ring, __u32 number)
{
	struct np_probe_event *event = (void *)np_room_of(ring, room, sizeof(*event));
	if (!event)
		count_dropped(number);
	else
		__builtin_memset(&event->record, 0, sizeof(event->record));
	return event;
}

static __always_inline void put_probed(struct np_room *room, struct np_probe_event *event, __u32 number, __u64 time_ns,
				       __u64 ip, __u32 bytes)
{
	event->record.bytes = bytes;
	fill(&event->event, time_ns, ip, number, sizeof(event->record) + bytes);
	event->record.process = event->event.pid;
	event->record.thread = event->event.tid;
	np_put(room, sizeof(event->event) + sizeof(event->record) + bytes);
}

/* How many of the wanted bytes could be read. */
static __always_inline __u32 copy_argument(char *to, const struct np_probed_call *call, __u64 argument)
{
	__u64 bytes = call->argument_bytes, pointed = call->pointed_bytes, at = call->pointer_at, pointer = 0;
	asm volatile("" : "+r"(bytes));
	if (bytes > NP_MOST_ARGUMENT_BYTES)
		bytes = NP_MOST_ARGUMENT_BYTES;
	STILL_WITHIN(NP_MOST_ARGUMENT_BYTES, bytes);
	if (bytes == 0 || bpf_probe_read_user(to, bytes, (void *)argument) != 0)
		return 0;
	if (at == NP_NOT_WANTED)
		return bytes;
	if (bpf_probe_read_user(&pointer, sizeof(pointer), (void *)(argument + at)) != 0)
		return bytes;
	asm volatile("" : "+r"(pointed));
	if (pointed > NP_MOST_POINTED_BYTES)
		pointed = NP_MOST_POINTED_BYTES;
	STILL_WITHIN(NP_MOST_POINTED_BYTES, pointed);
	/* Behind the room for the most, whatever was copied: where the recorder says that it is. */
	if (pointed == 0 || bpf_probe_read_user(to + NP_MOST_ARGUMENT_BYTES, pointed, (void *)pointer) != 0)
		return bytes;
	return NP_MOST_ARGUMENT_BYTES + pointed;
}

static __always_inline void put_call(const struct np_open_call *open, __u32 number, __s64 result)
{
	struct np_room room;
	if (number == NP_NOT_WANTED || !wanted(number, 1))
		return;
	const __u64 time_ns = bpf_ktime_get_ns();
	struct np_probe_event *event = probe_event(&room, ring_of_calls(), number);
	if (!event)
		return;
	if (open->call.pointer_at != NP_NOT_WANTED) /* between what is copied */
		__builtin_memset(event->bytes, 0, sizeof(event->bytes));
	event->record.device = open->device;
	event->record.request = open->request;
	event->record.result = result;
	__builtin_memcpy(event->record.arguments, open->arguments, sizeof(open->arguments));
	__builtin_memcpy(event->record.node, open->call.node, sizeof(open->call.node));
	__builtin_memcpy(event->record.given, open->given, sizeof(open->given));
	put_probed(&room, event, number, time_ns, instruction_of_program(),
		   copy_argument(event->bytes, &open->call, open->arguments[2]));
}

static __always_inline const struct np_probed_call *probed_call(__u32 device, __u32 kind, __u32 request)
{
	struct np_probed_call_key key = {device, kind, request};
	const struct np_probed_call *call = bpf_map_lookup_elem(&np_probed_calls, &key);
	if (call || !np_any_requests)
		return call;
	key.request = NP_ANY_REQUEST;
	return bpf_map_lookup_elem(&np_probed_calls, &key);
}

static __always_inline void take_given(struct np_open_call *open)
{
	__u64 given = open->call.argument_bytes;
	asm volatile("" : "+r"(given));
	if (given > NP_GIVEN_BYTES)
		given = NP_GIVEN_BYTES;
	STILL_WITHIN(NP_GIVEN_BYTES, given);
	if (given > 0)
		bpf_probe_read_user(open->given, given, (void *)open->arguments[2]);
}

static __always_inline void probe_call_begin(__u32 kind, const __u64 *arguments)
{
	const __u64 thread = bpf_get_current_pid_tgid();
	if (!np_is_recorded(0))
		return;
	struct inode *inode = np_inode_of(bpf_get_current_task_btf(), (__u32)arguments[0]);
	const __u32 device = inode ? BPF_CORE_READ(inode, i_rdev) : 0;
	const __u32 request = kind == NP_CALL_IOCTL ? (__u32)arguments[1] : 0;
	const struct np_probed_call *call = device ? probed_call(device, kind, request) : 0;
	const __u32 first = 0;
	struct np_open_call *open = bpf_map_lookup_elem(&np_call_scratch, &first);
	if (!call || !open)
		return;
	open->call = *call;
	open->device = device;
	open->request = request;
	__builtin_memcpy(open->arguments, arguments, sizeof(open->arguments));
	__builtin_memset(open->given, 0, sizeof(open->given));
	if (call->end != NP_NOT_WANTED) {
		take_given(open);
		bpf_map_update_elem(&np_open_calls, &thread, open, BPF_ANY);
	}
	put_call(open, call->begin, 0);
}

/* `second`, `third`: of its arguments. */
static __always_inline void probe_call_end(__u64 second, __u64 third, __s64 result)
{
	const __u64 thread = bpf_get_current_pid_tgid();
	if (!np_is_recorded(0))
		return;
	const struct np_open_call *open = bpf_map_lookup_elem(&np_open_calls, &thread);
	if (!open)
		return;
	/* The end of another one may have been missed, or its thread had this one's number. */
	if (open->arguments[1] == second && open->arguments[2] == third)
		put_call(open, open->call.end, result);
	bpf_map_delete_elem(&np_open_calls, &thread);
}

/* The cookie is the number of the event. */
SEC("kprobe")
int np_function_begin(struct pt_regs *registers)
{
	const __u32 number = bpf_get_attach_cookie(registers);
	struct np_room room;
	struct np_probe_event *event = wanted(number, 0) ? probe_event(&room, ring_of_others(), number) : 0;
	if (!event)
		return 0;
	const __u64 time_ns = bpf_ktime_get_ns();
	event->record.arguments[0] = PT_REGS_PARM1(registers);
	event->record.arguments[1] = PT_REGS_PARM2(registers);
	event->record.arguments[2] = PT_REGS_PARM3(registers);
	event->record.arguments[3] = PT_REGS_PARM4(registers);
	event->record.arguments[4] = PT_REGS_PARM5(registers);
	put_probed(&room, event, number, time_ns, PT_REGS_IP(registers), 0);
	return 0;
}

SEC("kretprobe")
int np_function_end(struct pt_regs *registers)
{
	const __u32 number = bpf_get_attach_cookie(registers);
	struct np_room room;
	struct np_probe_event *event = wanted(number, 0) ? probe_event(&room, ring_of_others(), number) : 0;
	if (!event)
		return 0;
	const __u64 time_ns = bpf_ktime_get_ns();
	event->record.result = PT_REGS_RC(registers);
	put_probed(&room, event, number, time_ns, PT_REGS_IP(registers), 0);
	return 0;
}

#endif
