/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls, with the records that the tracepoint of each would have: syscalls:sys_enter_ioctl and its kin. Two
 * programs for all of them, at what these tracepoints come from. Where perf runs a program at one of them, it makes a
 * record first that nobody wants: that takes 34 ns more of a call that is wanted, and 14 ns less of one that is not.
 *
 * Part of tracepoint_events.bpf.c.
 */
#ifndef NEUROPERF_SYSTEM_CALLS_BPF_H
#define NEUROPERF_SYSTEM_CALLS_BPF_H

#include "bpf/call_registers.bpf.h"
#include "bpf/system_call.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_MOST_SYSTEM_CALLS);
	__type(key, __u32);
	__type(value, struct np_system_call);
} np_system_calls SEC(".maps");

struct np_call_event {
	struct np_tracepoint_event event;
	struct np_call_record record;
	char texts[NP_MOST_TEXTS * NP_TEXT_BYTES];
};

/* 0 if nobody wants it. The kernel has no tracepoints for those of 32-bit programs. */
static __always_inline const struct np_system_call *system_call_of(__u64 number)
{
	const __u32 key = (__u32)number;
	if (number >= NP_MOST_SYSTEM_CALLS)
		return 0;
	const struct np_system_call *call = bpf_map_lookup_elem(&np_system_calls, &key);
	if (!call || !call->is_wanted)
		return 0;
	return np_is_in_32_bit_call(bpf_get_current_task_btf()) ? 0 : call;
}

/* `event`: the number of its event plus 1; 0: not wanted. */
static __always_inline void put_system_call(__u32 event, __u64 call, const __u64 *values, __u64 ip)
{
	const __u32 number = event - 1;
	const struct np_tracepoint *tracepoint = event ? wanted(number, 0) : 0;
	struct np_room room;
	if (!tracepoint)
		return;
	const __u64 time_ns = bpf_ktime_get_ns();
	struct np_call_event *to = (void *)np_room_of(ring_of_calls(), &room, sizeof(*to));
	if (!to) {
		count_dropped(number);
		return;
	}
	to->record.number = call;
	__builtin_memcpy(to->record.values, values, sizeof(to->record.values));
	__u64 size = tracepoint->fixed_size - NP_COMMON_FIELDS;
	asm volatile("" : "+r"(size));
	if (size > sizeof(to->record))
		size = sizeof(to->record);
	STILL_WITHIN(sizeof(to->record), size);
	fill(&to->event, time_ns, ip, number, size);
	np_put(&room, sizeof(to->event) + take_texts((char *)&to->record, sizeof(to->record), size, tracepoint));
}

SEC("tp_btf/sys_enter")
int np_call_begin(__u64 *arguments)
{
	const struct pt_regs___call *registers = (void *)arguments[0];
	const __u64 number = arguments[1];
	const struct np_system_call *call = system_call_of(number);
	if (!call)
		return 0;
	__u64 values[NP_CALL_VALUES];
	np_arguments_of(registers, values);
	put_system_call(call->begin, number, values, np_instruction_of(registers));
	if (call->probed)
		probe_call_begin(call->probed - 1, values);
	return 0;
}

SEC("tp_btf/sys_exit")
int np_call_end(__u64 *arguments)
{
	const struct pt_regs___call *registers = (void *)arguments[0];
	const __u64 number = np_system_call_of(registers), values[NP_CALL_VALUES] = {arguments[1]};
	const struct np_system_call *call = system_call_of(number);
	if (!call)
		return 0;
	put_system_call(call->end, number, values, np_instruction_of(registers));
	if (call->probed) {
		__u64 given[NP_CALL_ARGUMENTS];
		np_arguments_of(registers, given);
		probe_call_end(given[1], given[2], (__s64)arguments[1]);
	}
	return 0;
}

#endif
