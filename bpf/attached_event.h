/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What usdt_events.bpf.c puts into its ring buffer, and collector/attached_events.cpp takes out.
 */
#ifndef NEUROPERF_ATTACHED_EVENT_H
#define NEUROPERF_ATTACHED_EVENT_H

#include <linux/types.h>

/* One event of an instrumented program; `id` and `value` are as the program gave them. */
struct np_attached_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 value;
	__u32 id;
	__u32 pid; /* as the recorder's pid namespace sees the thread */
	__u32 tid;
	__u16 type;   /* enum np_event_type */
	__u16 object; /* number that the recorder gave to the object whose site was hit */
};

#ifdef __cplusplus
static_assert(sizeof(struct np_attached_event) == 32, "np_attached_event");
#else
_Static_assert(sizeof(struct np_attached_event) == 32, "np_attached_event");
#endif

#endif
