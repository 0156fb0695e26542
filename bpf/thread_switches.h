/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What thread_switches.bpf.c puts into its rings for the collector (collector/thread_switches.cpp): when threads leave
 * a CPU and get one, why they left, and who woke them.
 */
#ifndef NEUROPERF_THREAD_SWITCHES_H
#define NEUROPERF_THREAD_SWITCHES_H

#include <linux/types.h>

#include "bpf/system_call.h"

#define NP_NO_SYSTEM_CALL (-1)
#define NP_MOST_FOLLOWED_THREADS 16384 /* at a time */

enum np_switch_what {
	NP_SWITCH_OUT = 1,
	NP_SWITCH_IN,
	NP_INTERRUPTED, /* it was on a CPU all the time; told at its end */
};

/* Where the file that a system call waits for is told. */
enum np_file_argument {
	NP_NO_FILE = 0,
	NP_FILE_IS_FIRST,     /* argument is its descriptor */
	NP_FILE_IS_IN_ARRAY,  /* of struct pollfd, to which the first argument points: the only one of it */
	NP_FILES_ARE_IN_SETS, /* so many as the first argument says */
};
#define NP_NO_FILE_AWAITED 15 /* in place of a file's type: there might be some, and there is none */

enum np_switch_flags {
	NP_SWITCH_PREEMPTED = 1,
	NP_SWITCH_IO_WAIT = 2,
};

/* Who woke a thread. */
enum np_woken_by {
	NP_WOKEN_BY_NOBODY_KNOWN = 0,
	NP_WOKEN_BY_THREAD,
	NP_WOKEN_BY_KERNEL_THREAD,
	NP_WOKEN_BY_INTERRUPT, /* a device, a timer, what came from the network */
};

struct np_switch {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;     /* as the recorder's pid namespace sees the thread */
	__u32 tid;
	__u16 what; /* enum np_switch_what */
	__u16 cpu;
	union {
		struct {
			__u32 state;       /* of the task, as the kernel has it: 0 is runnable */
			__s32 system_call; /* its number, or NP_NO_SYSTEM_CALL */
			__u32 device;    /* that the system call waits for: major << 20 | minor; 0: none, or unknown */
			__u16 file_type; /* of the file it waits for: S_IFMT >> 12; 0: none, or unknown */
			__u16 flags;     /* enum np_switch_flags */
		} out;
		struct {
			__u32 waker_pid, waker_tid; /* of NP_WOKEN_BY_THREAD; as above */
			__u64 woken_ns;             /* 0: nobody is known to have woken it since it left */
			__u32 woken_by;             /* enum np_woken_by */
			__u32 late_ns;              /* told so long after it got the CPU */
		} in;
		struct {
			__u64 begin_ns;
		} interrupt;
	};
};

#define NP_KERNEL_FRAMES 48
#define NP_USER_FRAMES 127

/* NP_SWITCH_OUT with the frames that the thread left in, innermost first, where they are wanted. */
struct np_switch_with_stack {
	struct np_switch event;
	__u16 kernel_frames, user_frames; /* how many there are */
	__u32 padding;
	__u64 kernel[NP_KERNEL_FRAMES];
	__u64 user[NP_USER_FRAMES];
};

#ifdef __cplusplus
static_assert(sizeof(struct np_switch) == 48, "np_switch");
#else
_Static_assert(sizeof(struct np_switch) == 48, "np_switch");
#endif

#endif
