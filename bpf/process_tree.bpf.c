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

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The recorder's pid namespace: inode of /proc/self/ns/pid; 0 if it is the first of all. */
const volatile __u32 np_namespace_inode = 0;

struct pid_namespace {
	struct {
		unsigned int inum;
	} ns;
} __attribute__((preserve_access_index));
struct upid {
	int nr;
	struct pid_namespace *ns;
} __attribute__((preserve_access_index));
struct pid {
	unsigned int level;
	struct upid numbers[1];
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} np_notices SEC(".maps");

/* Not only of followed processes. */
const volatile __u32 np_every_program = 0;

/* Notices that found no room, and children that could not be marked. */
__u64 np_notices_lost = 0;

#define NP_NAMESPACES 33 /* the kernel's limit is 32 below the first */

/* Of a process, by its first thread; 0 if the recorder's pid namespace does not see it. */
static __always_inline __u32 process_number(struct task_struct *task)
{
	const struct pid *pid = task->thread_pid;
	const __u32 level = BPF_CORE_READ(pid, level);
	const char *numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
	if (np_namespace_inode == 0)
		return task->tgid;
	for (__u32 i = 0; i < NP_NAMESPACES && i <= level; i++) {
		const struct upid *number = (const struct upid *)(numbers + i * bpf_core_type_size(struct upid));
		if (BPF_CORE_READ(number, ns, ns.inum) == np_namespace_inode)
			return BPF_CORE_READ(number, nr);
	}
	return 0;
}

static __always_inline void notice(struct task_struct *task, __u32 what)
{
	const __u32 number = process_number(task);
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
