/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What process_tree.bpf.c puts into its ring buffer, and collector/process_notices.cpp takes out.
 */
#ifndef NEUROPERF_PROCESS_NOTICE_H
#define NEUROPERF_PROCESS_NOTICE_H

#include <linux/types.h>

/* A process for the recorder to look at. */
struct np_process_notice {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 pid;     /* as the recorder's pid namespace sees it */
	__u32 what;    /* enum np_notice */
};

enum np_notice {
	NP_NOTICE_FORKED = 1,  /* a child of a followed process, with memory of its own */
	NP_NOTICE_STARTED = 2, /* it runs another program now */
};

#ifdef __cplusplus
static_assert(sizeof(struct np_process_notice) == 16, "np_process_notice");
#else
_Static_assert(sizeof(struct np_process_notice) == 16, "np_process_notice");
#endif

#endif
