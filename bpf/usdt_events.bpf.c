/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events of instrumented programs that the recorder has attached to (include/neuroperf/attach.h): one uprobe on each
 * probe site, one record a hit. The site has its arguments in the first three registers of the calling convention.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/attached_event.h"
#include "bpf/followed.h"
#include "bpf/thread_numbers.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The recorder sets the size before it loads the program. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} np_events SEC(".maps");

/* Events for which the ring had no room. */
__u64 np_dropped = 0;

static __always_inline int put_event(struct pt_regs *ctx)
{
	const __u64 time_ns = bpf_ktime_get_ns();
	const __u64 thread = np_thread_numbers();
	struct np_attached_event *event = bpf_ringbuf_reserve(&np_events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&np_dropped, 1);
		return 0;
	}
	event->time_ns = time_ns;
	event->value = PT_REGS_PARM3(ctx);
	event->id = (__u32)PT_REGS_PARM2(ctx);
	event->pid = thread >> 32;
	event->tid = (__u32)thread;
	event->type = (__u16)PT_REGS_PARM1(ctx);
	event->object = (__u16)bpf_get_attach_cookie(ctx);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 0;
}

/* On probes of one process, or when every process is recorded. */
SEC("uprobe")
int np_usdt_event(struct pt_regs *ctx)
{
	return put_event(ctx);
}

/* On probes that all processes have which map a file: others are hit too. */
SEC("uprobe")
int np_usdt_event_followed(struct pt_regs *ctx)
{
	const __u32 *followed = bpf_task_storage_get(&np_followed, bpf_get_current_task_btf()->group_leader, 0, 0);
	return followed && *followed == NP_FOLLOWED_BY_FILES ? put_event(ctx) : 0;
}

/* For trying out on a site of the recorder's own what this kernel does with it. */
SEC("uprobe")
int np_usdt_trial(struct pt_regs *ctx)
{
	(void)ctx;
	return 0;
}
