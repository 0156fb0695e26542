/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Places of which the kernel has no tracepoint: system calls on a driver's device files, and functions of the driver.
 * What driver_probes.bpf.h is told of them, and the records that it makes.
 */
#ifndef NEUROPERF_DRIVER_PROBE_H
#define NEUROPERF_DRIVER_PROBE_H

#include <linux/types.h>

#define NP_MOST_PROBED_CALLS 512
#define NP_MOST_OPEN_CALLS 4096 /* calls under way; older ones are forgotten */
#define NP_NODE_BYTES 32
#define NP_MOST_ARGUMENT_BYTES 512
#define NP_MOST_POINTED_BYTES 64
#define NP_GIVEN_BYTES 32 /* of an argument, as it was when the call began */
#define NP_PROBE_ARGUMENTS 5
#define NP_NOT_WANTED 0xffff
#define NP_ANY_REQUEST 0xffffffff

enum np_probed_call_kind {
	NP_CALL_IOCTL,
	NP_CALL_READ,
	NP_CALL_WRITE,
};

struct np_probed_call_key {
	__u32 device;  /* major << 20 | minor */
	__u32 kind;    /* enum np_probed_call_kind */
	__u32 request; /* of an ioctl; NP_ANY_REQUEST: all that are not named */
};

struct np_probed_call {
	__u16 begin, end;     /* numbers of their events (np_tracepoints), or NP_NOT_WANTED */
	__u16 argument_bytes; /* that are copied from where the call's argument points to */
	__u16 pointer_at;     /* among them is a pointer to more, or NP_NOT_WANTED */
	__u16 pointed_bytes;  /* that are copied from there */
	__u16 padding;
	char node[NP_NODE_BYTES];
};

/* The record behind its common fields; the copied bytes follow. */
struct np_probe_record {
	__u32 device;  /* major << 20 | minor; 0: a function */
	__u32 request; /* of an ioctl */
	__s64 result;  /* at the end; of a function likewise */
	__u64 arguments[NP_PROBE_ARGUMENTS];
	__u32 process, thread;
	__u32 padding;
	__u32 bytes; /* that were copied; fewer than wanted: they could not be read */
	char node[NP_NODE_BYTES];
	char given[NP_GIVEN_BYTES]; /* at the end of a call: what the kernel may have overwritten */
};

#ifdef __cplusplus
static_assert(sizeof(struct np_probed_call) == 44, "np_probed_call");
static_assert(sizeof(struct np_probe_record) == 136, "np_probe_record");
#else
_Static_assert(sizeof(struct np_probed_call) == 44, "np_probed_call");
_Static_assert(sizeof(struct np_probe_record) == 136, "np_probe_record");
#endif

#endif
