/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What system_calls.bpf.h is told of each system call, and the records that it makes. */
#ifndef NEUROPERF_SYSTEM_CALL_H
#define NEUROPERF_SYSTEM_CALL_H

#include <linux/types.h>

#define NP_MOST_SYSTEM_CALLS 512
#define NP_CALL_VALUES 6 /* as many as a call has arguments */

struct np_system_call {
	__u16 begin, end; /* numbers of their events (np_tracepoints) plus 1; 0: not wanted */
	__u8 probed;      /* on devices: enum np_probed_call_kind plus 1; 0: not */
	__u8 is_wanted;   /* any of these */
};

/* As the kernel's tracepoints of system calls have it, behind their common fields. The last values may not be there. */
struct np_call_record {
	__u64 number;                 /* an int, and padding */
	__u64 values[NP_CALL_VALUES]; /* the arguments; at the end: the result */
};

#ifdef __cplusplus
static_assert(sizeof(struct np_system_call) == 6 && sizeof(struct np_call_record) == 56, "np_system_call");
#else
_Static_assert(sizeof(struct np_system_call) == 6 && sizeof(struct np_call_record) == 56, "np_system_call");
#endif

#endif
