/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tracepoint_events.bpf.c is told of each tracepoint, and what it puts into its rings for the collector
 * (collector/bpf_tracepoints.cpp).
 */
#ifndef NEUROPERF_TRACEPOINT_EVENT_H
#define NEUROPERF_TRACEPOINT_EVENT_H

#include <linux/types.h>

/* The kernel's own limit: PERF_MAX_TRACE_SIZE. */
#define NP_LARGEST_TRACEPOINT 8192
#define NP_MOST_TRACEPOINTS 1024
#define NP_MOST_DATA_LOCS 8
/* common_type, common_flags, common_preempt_count and common_pid: a BPF program does not get to see them. */
#define NP_COMMON_FIELDS 8
#define NP_MOST_TEXTS 2
#define NP_TEXT_BYTES 64

enum np_everywhere {
	NP_OF_PROCESSES, /* of the recorded ones alone */
	NP_EVERYWHERE,
	NP_OF_HOST, /* of its devices, whoever runs: of several recorders one may have them for all */
};

struct np_tracepoint {
	__u32 fixed_size; /* of the record up to the end of its last field */
	__u32 data_locs;  /* how many fields hold length << 16 | offset of data behind that */
	__u32 data_loc_offsets[NP_MOST_DATA_LOCS];
	__u8 is_system_call; /* hit by an instruction of the program */
	__u8 is_exec;        /* sched_process_exec: a launched program is recorded from here on */
	__u8 everywhere;     /* enum np_everywhere */
	__u8 texts;          /* how many fields point to texts in the kernel */
	__u32 text_offsets[NP_MOST_TEXTS];
};

/* One event; the record from behind its common fields on follows, then for each of its fields that point to a text
 * NP_TEXT_BYTES, with what stands there and ends somewhere. */
struct np_tracepoint_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 ip;      /* where the tracepoint was hit; of a system call: in the program */
	__u32 pid;     /* as the recorder's pid namespace sees the thread */
	__u32 tid;
	__u32 cpu;
	__u16 tracepoint; /* its number in np_tracepoints */
	__u16 size;       /* of the record that follows */
};

#ifdef __cplusplus
static_assert(sizeof(struct np_tracepoint_event) == 32, "np_tracepoint_event");
#else
_Static_assert(sizeof(struct np_tracepoint_event) == 32, "np_tracepoint_event");
#endif

#endif
