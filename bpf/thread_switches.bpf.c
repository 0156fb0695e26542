/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When recorded threads leave a CPU and get one: two events for each stay off it. Why a thread leaves is told once, as
 * it leaves: its state, the system call it is in, and the file that this waits for. Who woke it is noted by the
 * thread's number, and told when it runs again. Nothing is looked at when a system call begins or ends.
 *
 * A thread that ends is not told: the kernel's own record of that is.
 */
#include <linux/types.h>

#include <bpf/bpf_core_read.h>

#include "bpf/call_registers.bpf.h"
#include "bpf/cpu_rings.bpf.h"
#include "bpf/open_file.bpf.h"
#include "bpf/recorded_processes.bpf.h"
#include "bpf/task_number.bpf.h"
#include "bpf/thread_switches.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NP_TASK_DEAD 0x80                 /* include/linux/sched.h, TASK_DEAD */
#define NP_NO_USER_SIDE (0x10 | 0x200000) /* PF_IO_WORKER, PF_KTHREAD */
#define NP_KERNEL_THREAD 0x200000
#define NP_OWN_FRAMES 3            /* of what runs this program */
#define NP_FIRST_FAIR_PRIORITY 100 /* include/linux/sched/prio.h, MAX_RT_PRIO */
#define NP_MOST_LATE_NS 0xffffffff
/* The kernel counts a stay without interrupts, up to a moment that is a little before it is asked: what the thread did
 * first is not to be before it came. */
#define NP_LATE_MARGIN_NS(stay_ns) (50000 + (stay_ns) / 32)
#define NP_LEAVING_NS 50000 /* between who wakes a thread that is just leaving, and its leaving */

/* Of a thread, by its number in the first pid namespace. */
struct np_followed_thread {
	__u32 pid, tid; /* as the recorder sees it */
	__u64 woken_ns; /* the last time */
	__u64 left_ns;  /* 0: it is on a CPU, or nobody saw it leave one */
	__u32 waker_pid, waker_tid;
	__u32 woken_by, padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NP_MOST_FOLLOWED_THREADS);
	__type(key, __u32);
	__type(value, struct np_followed_thread);
} np_threads SEC(".maps");

/* Events that found no room, and when the first one did since the recorder last looked, and the last one. */
__u64 np_dropped = 0;
__u64 np_first_drop_ns = 0, np_last_drop_ns = 0;

/* Several CPUs may drop at once: the recorder allows for the moment that it takes. */
static __always_inline void drop(__u64 now)
{
	__sync_fetch_and_add(&np_dropped, 1);
	if (np_first_drop_ns == 0)
		np_first_drop_ns = now;
	np_last_drop_ns = now;
}

/* Tell frames too: by frame pointers, which is all that a program like this can follow. */
const volatile __u8 np_with_stacks = 0;

/* enum np_file_argument, by number of the system call. */
const volatile __u8 np_files[NP_MOST_SYSTEM_CALLS];

static __always_inline int np_is_followed(struct task_struct *task)
{
	if (!np_enabled)
		return 0;
	const __u32 *recorded = np_recorded_of(task);
	return recorded && *recorded == NP_RECORDED;
}

/* By reads, as np_inode_read: once for each thread. */
static __always_inline __u32 number_here(const struct task_struct *task)
{
	const __u32 first = BPF_CORE_READ(task, pid), number = np_number_of(BPF_CORE_READ(task, thread_pid), first);
	if (number == 0)
		__sync_fetch_and_add(&np_outside_namespace, 1);
	return number ? number : first;
}

static __always_inline struct np_followed_thread *followed(struct task_struct *task)
{
	const __u32 key = task->pid;
	return bpf_map_lookup_elem(&np_threads, &key);
}

static __always_inline struct np_followed_thread *follow(struct task_struct *task)
{
	const __u32 key = task->pid;
	struct np_followed_thread *thread = followed(task);
	if (thread)
		return thread;
	const struct np_followed_thread fresh = {.pid = number_here(BPF_CORE_READ(task, group_leader)),
						 .tid = number_here(task)};
	bpf_map_update_elem(&np_threads, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&np_threads, &key);
}

static __always_inline void fill(struct np_switch *event, const struct np_followed_thread *thread, __u64 time_ns,
				 __u16 what)
{
	event->time_ns = time_ns;
	event->pid = thread->pid;
	event->tid = thread->tid;
	event->what = what;
	event->cpu = bpf_get_smp_processor_id();
}

static __always_inline struct np_switch *reserve(void *ring, const struct np_followed_thread *thread, __u64 time_ns,
						 __u16 what)
{
	struct np_switch *event = ring ? bpf_ringbuf_reserve(ring, sizeof(*event), 0) : 0;
	if (event)
		fill(event, thread, time_ns, what);
	else
		drop(time_ns);
	return event;
}

static __always_inline void take_file(struct task_struct *task, __u64 descriptor, struct np_switch *event)
{
	struct inode *inode = np_inode_read(task, descriptor);
	if (!inode)
		return;
	event->out.device = BPF_CORE_READ(inode, i_rdev);
	event->out.file_type = BPF_CORE_READ(inode, i_mode) >> 12;
}

static __always_inline void take_awaited_file(struct task_struct *task, __u32 how, __u64 first, __u64 second,
					      struct np_switch *event)
{
	__s32 descriptor = -1;
	if (how == NP_FILE_IS_FIRST)
		descriptor = (__s32)first;
	else if (how == NP_FILE_IS_IN_ARRAY && second == 1)
		bpf_probe_read_user(&descriptor, sizeof(descriptor), (void *)first);
	else if ((how == NP_FILE_IS_IN_ARRAY && second == 0) || (how == NP_FILES_ARE_IN_SETS && first == 0))
		event->out.file_type = NP_NO_FILE_AWAITED;
	if (descriptor >= 0)
		take_file(task, (__u32)descriptor, event);
}

/* Why the current thread leaves its CPU. */
static __always_inline void take_cause(struct task_struct *task, __u32 state, int preempted, struct np_switch *event)
{
	event->out.state = state;
	event->out.device = 0;
	event->out.file_type = 0;
	event->out.flags = (preempted ? NP_SWITCH_PREEMPTED : 0) |
			   (BPF_CORE_READ_BITFIELD(task, in_iowait) ? NP_SWITCH_IO_WAIT : 0);
	event->out.system_call = NP_NO_SYSTEM_CALL;
	if (state == 0 || preempted || task->flags & NP_NO_USER_SIDE || np_is_in_32_bit_call(task))
		return;
	const struct pt_regs___call *registers = (void *)bpf_task_pt_regs(task);
	const __s64 system_call = np_system_call_of(registers);
	__u64 arguments[NP_CALL_ARGUMENTS];
	np_arguments_of(registers, arguments);
	event->out.system_call = (__s32)system_call;
	if (system_call >= 0 && system_call < NP_MOST_SYSTEM_CALLS)
		take_awaited_file(task, np_files[system_call], arguments[0], arguments[1], event);
}

/* 0: there is no room. */
static __always_inline int tell_with_stack(void *context, struct task_struct *task,
					   const struct np_followed_thread *thread, __u32 state, int preempted,
					   __u64 now, void *ring)
{
	struct np_switch_with_stack *event = ring ? bpf_ringbuf_reserve(ring, sizeof(*event), 0) : 0;
	if (!event)
		return 0;
	fill(&event->event, thread, now, NP_SWITCH_OUT);
	take_cause(task, state, preempted, &event->event);
	const long kernel = bpf_get_stack(context, event->kernel, sizeof(event->kernel), NP_OWN_FRAMES);
	const long user = bpf_get_stack(context, event->user, sizeof(event->user), BPF_F_USER_STACK);
	event->kernel_frames = kernel > 0 ? (__u64)kernel / 8 : 0;
	event->user_frames = user > 0 ? (__u64)user / 8 : 0;
	event->padding = 0;
	bpf_ringbuf_submit(event, np_wake_up(ring, sizeof(*event)));
	return 1;
}

static __always_inline void got(const struct np_followed_thread *thread, __u64 now, __u32 late_ns, void *ring)
{
	struct np_switch *event = reserve(ring, thread, now, NP_SWITCH_IN);
	if (!event)
		return;
	/* It may be woken while it leaves, before its leaving is told on another CPU; not long before. */
	const __u64 woken_ns = thread->woken_ns;
	const int was_woken = woken_ns != 0 && woken_ns + NP_LEAVING_NS >= thread->left_ns;
	event->in.woken_ns = !was_woken ? 0 : woken_ns < thread->left_ns ? thread->left_ns : woken_ns;
	event->in.woken_by = was_woken ? thread->woken_by : NP_WOKEN_BY_NOBODY_KNOWN;
	event->in.waker_pid = was_woken ? thread->waker_pid : 0;
	event->in.waker_tid = was_woken ? thread->waker_tid : 0;
	event->in.late_ns = late_ns;
	bpf_ringbuf_submit(event, np_wake_up(ring, sizeof(*event)));
}

/* The kernel does not tell of switches from threads that a virtual machine hides. A thread that has a CPU and was not
 * seen to get it came so long ago as the kernel has counted this stay, which it does at each tick and at the end. Only
 * the fair scheduler keeps that. */
static __always_inline void got_unseen(struct task_struct *task, struct np_followed_thread *thread, __u64 now,
				       void *ring)
{
	if (!bpf_core_field_exists(task->se.prev_sum_exec_runtime) || task->prio < NP_FIRST_FAIR_PRIORITY)
		return;
	const __u64 woken_ns = thread->woken_ns, left_ns = thread->left_ns;
	const __u64 most = now - (woken_ns > left_ns ? woken_ns : left_ns);
	const __u64 counted_ns = task->se.sum_exec_runtime - task->se.prev_sum_exec_runtime;
	const __u64 stay_ns = counted_ns + NP_LATE_MARGIN_NS(counted_ns);
	const __u64 late_ns = stay_ns < most ? stay_ns : most;
	if (late_ns > NP_MOST_LATE_NS)
		return;
	got(thread, now, (__u32)late_ns, ring);
	thread->woken_ns = 0;
	thread->left_ns = 0;
}

static __always_inline void leaves(void *context, struct task_struct *task, __u32 state, int preempted, __u64 now,
				   void *ring)
{
	if (state & NP_TASK_DEAD) {
		const __u32 key = task->pid;
		bpf_map_delete_elem(&np_threads, &key);
		return;
	}
	struct np_followed_thread *thread = follow(task);
	if (!thread) {
		drop(now);
		return;
	}
	if (thread->left_ns)
		got_unseen(task, thread, now, ring);
	thread->left_ns = now;
	if (state == 0 || preempted)
		thread->woken_ns = 0; /* while it ran */
	if (np_with_stacks) {
		if (!tell_with_stack(context, task, thread, state, preempted, now, ring))
			drop(now);
		return;
	}
	struct np_switch *event = reserve(ring, thread, now, NP_SWITCH_OUT);
	if (!event)
		return;
	take_cause(task, state, preempted, event);
	bpf_ringbuf_submit(event, np_wake_up(ring, sizeof(*event)));
}

static __always_inline void comes(struct task_struct *task, __u64 now, void *ring)
{
	struct np_followed_thread *thread = follow(task);
	if (!thread) {
		drop(now);
		return;
	}
	got(thread, now, 0, ring);
	thread->woken_ns = 0;
	thread->left_ns = 0;
}

/* Interrupts that this CPU is in, one within the other; they begin and end here, as no thread is switched in them. */
struct np_interrupts {
	__u64 begin_ns, ran_ns; /* ran_ns: the thread that is interrupted, as it was counted last */
	__u32 depth, padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_interrupts);
} np_interrupts SEC(".maps");

static __always_inline struct np_interrupts *interrupts_here(void)
{
	const __u32 first = 0;
	return bpf_map_lookup_elem(&np_interrupts, &first);
}

static __always_inline int is_in_interrupt(void)
{
	const struct np_interrupts *interrupts = interrupts_here();
	return interrupts && interrupts->depth > 0;
}

SEC("tp_btf/sched_switch")
int np_on_switch(__u64 *arguments)
{
	struct task_struct *prev = (void *)arguments[1], *next = (void *)arguments[2];
	const int is_left = np_is_followed(prev), is_got = np_is_followed(next);
	struct np_interrupts *interrupts = interrupts_here();
	if (interrupts) /* else one whose end was missed would go on for ever */
		interrupts->depth = 0;
	if (!is_left && !is_got)
		return 0;
	void *ring = np_ring_of_this_cpu();
	const __u64 now = bpf_ktime_get_ns();
	if (is_left)
		leaves(arguments, prev, arguments[3], arguments[0] & 1, now, ring);
	if (is_got)
		comes(next, now, ring);
	return 0;
}

/* A program that has just been started may be interrupted before it leaves its CPU for the first time. Where np_on_exec
 * comes later, the first interrupts are not told. */
SEC("tp_btf/sched_process_exec")
int np_on_start(__u64 *arguments)
{
	struct task_struct *task = (void *)arguments[0];
	if (np_is_followed(task))
		follow(task);
	return 0;
}

SEC("tp_btf/sched_waking")
int np_on_waking(__u64 *arguments)
{
	struct task_struct *woken = (void *)arguments[0];
	if (!np_is_followed(woken))
		return 0;
	struct np_followed_thread *thread = followed(woken);
	if (!thread)
		return 0;
	struct task_struct *current = bpf_get_current_task_btf();
	const __u64 numbers = np_thread_numbers();
	thread->waker_pid = numbers >> 32;
	thread->waker_tid = (__u32)numbers;
	if (is_in_interrupt())
		thread->woken_by = NP_WOKEN_BY_INTERRUPT;
	else if (current->flags & NP_KERNEL_THREAD)
		thread->woken_by = NP_WOKEN_BY_KERNEL_THREAD;
	else
		thread->woken_by = NP_WOKEN_BY_THREAD;
	thread->woken_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int begin_interrupt(void)
{
	struct np_interrupts *interrupts = interrupts_here();
	if (interrupts && interrupts->depth++ == 0) {
		interrupts->begin_ns = bpf_ktime_get_ns();
		interrupts->ran_ns = bpf_get_current_task_btf()->se.sum_exec_runtime;
	}
	return 0;
}

/* The first end may be of an interrupt that began before this was attached. */
static __always_inline int end_interrupt(void)
{
	struct np_interrupts *interrupts = interrupts_here();
	if (!interrupts || interrupts->depth == 0 || --interrupts->depth > 0)
		return 0;
	struct task_struct *current = bpf_get_current_task_btf();
	struct np_followed_thread *thread = np_is_followed(current) ? followed(current) : 0;
	if (!thread)
		return 0;
	void *ring = np_ring_of_this_cpu();
	const __u64 now = bpf_ktime_get_ns();
	if (thread->left_ns && current->se.sum_exec_runtime != interrupts->ran_ns) /* has just been counted */
		got_unseen(current, thread, now, ring);
	struct np_switch *event = reserve(ring, thread, now, NP_INTERRUPTED);
	if (!event)
		return 0;
	event->interrupt.begin_ns = interrupts->begin_ns;
	bpf_ringbuf_submit(event, np_wake_up(ring, sizeof(*event)));
	return 0;
}

/* Each is attached to all tracepoints of its kind (collector/thread_switches.cpp). Hard interrupts may come while the
 * program of a soft one runs, which keeps the same program from running again. */
SEC("raw_tp")
int np_on_hard_begin(void *context)
{
	(void)context;
	return begin_interrupt();
}

SEC("raw_tp")
int np_on_hard_end(void *context)
{
	(void)context;
	return end_interrupt();
}

SEC("raw_tp")
int np_on_soft_begin(void *context)
{
	(void)context;
	return begin_interrupt();
}

SEC("raw_tp")
int np_on_soft_end(void *context)
{
	(void)context;
	return end_interrupt();
}
