/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The processes that are recorded, for BPF programs: those that the recorder puts into np_tree by their pidfds, and
 * what they fork from then on. A program's threads are found by their leader, so new ones belong to it at once.
 *
 * A program includes this once and asks np_is_recorded(). The recorder attaches np_on_fork and np_on_exec before it
 * names the first process (collector/bpf_support.hpp).
 */
#ifndef NEUROPERF_RECORDED_PROCESSES_BPF_H
#define NEUROPERF_RECORDED_PROCESSES_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/recorded_processes.h"

struct files_struct;
struct pid;

/* What any program that includes this looks at. */
struct sched_entity {
	__u64 sum_exec_runtime, prev_sum_exec_runtime;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid, prio;
	struct sched_entity se;
	unsigned int flags;
	unsigned in_iowait : 1;
	struct files_struct *files;
	struct pid *thread_pid;
	struct task_struct *group_leader;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32); /* enum np_recorded */
} np_tree SEC(".maps");

/* Every process is recorded; np_tree is empty. */
const volatile __u8 np_record_all = 0;
/* The recorder's switch for all. */
__u8 np_enabled = 0;

static __always_inline __u32 *np_recorded_of(struct task_struct *task)
{
	return bpf_task_storage_get(&np_tree, task->group_leader, 0, 0);
}

/* `at_exec`: asked from sched_process_exec, perhaps before np_on_exec is run there. */
static __always_inline int np_is_recorded(int at_exec)
{
	if (!np_enabled)
		return 0;
	if (np_record_all)
		return 1;
	const __u32 *recorded = np_recorded_of(bpf_get_current_task_btf());
	return recorded && (*recorded == NP_RECORDED || at_exec);
}

SEC("tp_btf/sched_process_fork")
int np_on_fork(__u64 *arguments)
{
	struct task_struct *parent = (void *)arguments[0], *child = (void *)arguments[1];
	__u32 *recorded = np_recorded_of(parent);
	/* Threads too: one of them may become the leader, by an exec. */
	if (recorded)
		bpf_task_storage_get(&np_tree, child, recorded, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int np_on_exec(__u64 *arguments)
{
	struct task_struct *task = (void *)arguments[0];
	__u32 *recorded = bpf_task_storage_get(&np_tree, task, 0, 0);
	if (recorded)
		*recorded = NP_RECORDED;
	return 0;
}

#endif
