/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long threads of one name are off their CPUs while the kernel handles a page fault of theirs: by the entry and the
 * exit of the function that does that, and the switches in between. The recorder goes by other things.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NAME_BYTES 16 /* TASK_COMM_LEN */

struct task_struct {
	int pid;
	char comm[NAME_BYTES];
} __attribute__((preserve_access_index));

const volatile char name[NAME_BYTES];
__u64 waits = 0, waited_ns = 0;

/* Threads in a fault, by number: since when they are off their CPU, or 0. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} in_fault SEC(".maps");

SEC("fentry/handle_mm_fault")
int fault_begins(void *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const __u32 thread = task->pid;
	const __u64 on_cpu = 0;
	(void)context;
	for (int i = 0; i < NAME_BYTES; i++) {
		if (task->comm[i] != name[i])
			return 0;
		if (name[i] == 0)
			break;
	}
	bpf_map_update_elem(&in_fault, &thread, &on_cpu, BPF_ANY);
	return 0;
}

SEC("fexit/handle_mm_fault")
int fault_ends(void *context)
{
	const __u32 thread = bpf_get_current_pid_tgid();
	(void)context;
	bpf_map_delete_elem(&in_fault, &thread);
	return 0;
}

SEC("tp_btf/sched_switch")
int switched(__u64 *arguments)
{
	const struct task_struct *prev = (void *)arguments[1], *next = (void *)arguments[2];
	const __u64 now = bpf_ktime_get_ns();
	__u32 thread = prev->pid;
	__u64 *since = bpf_map_lookup_elem(&in_fault, &thread);
	if (since)
		*since = now;
	thread = next->pid;
	since = bpf_map_lookup_elem(&in_fault, &thread);
	if (since && *since) {
		__sync_fetch_and_add(&waits, 1);
		__sync_fetch_and_add(&waited_ns, now - *since);
		*since = 0;
	}
	return 0;
}
