/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which processes there are to look at: the recorder marks those that it follows (np_followed); their children are
 * marked when they are forked, before they run, and the recorder is woken (collector/process_notices.cpp).
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/followed.h"
#include "bpf/process_notice.h"
#include "bpf/task_number.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} np_notices SEC(".maps");

/* Not only of followed processes. */
const volatile __u32 np_every_program = 0;

/* Notices that found no room, and children that could not be marked. */
__u64 np_notices_lost = 0;

static __always_inline void notice(struct task_struct *task, __u32 what)
{
	const __u32 number = np_number_of(task->thread_pid, task->tgid);
	struct np_process_notice *notice;
	if (number == 0)
		return;
	notice = bpf_ringbuf_reserve(&np_notices, sizeof(*notice), 0);
	if (!notice) {
		__sync_fetch_and_add(&np_notices_lost, 1);
		return;
	}
	notice->time_ns = bpf_ktime_get_ns();
	notice->pid = number;
	notice->what = what;
	bpf_ringbuf_submit(notice, BPF_RB_FORCE_WAKEUP);
}

/* The child is there, but has not run yet. One that shares the memory of its parent has its parent's probes. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(np_process_forked, struct task_struct *parent, struct task_struct *child)
{
	__u32 *of_parent, *of_child;
	(void)ctx;
	if (child->pid != child->tgid)
		return 0;
	of_parent = bpf_task_storage_get(&np_followed, parent->group_leader, 0, 0);
	if (!of_parent)
		return 0;
	of_child = bpf_task_storage_get(&np_followed, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (of_child)
		*of_child = *of_parent;
	else
		__sync_fetch_and_add(&np_notices_lost, 1);
	if (child->mm != parent->mm)
		notice(child, NP_NOTICE_FORKED);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(np_program_started, struct task_struct *task)
{
	(void)ctx;
	if (np_every_program || bpf_task_storage_get(&np_followed, task->group_leader, 0, 0))
		notice(task, NP_NOTICE_STARTED);
	return 0;
}
