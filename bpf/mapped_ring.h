/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a ring of mapped_rings.bpf.h looks like, for the program and for the recorder (collector/mapped_rings.hpp). */
#ifndef NEUROPERF_MAPPED_RING_H
#define NEUROPERF_MAPPED_RING_H

#include <linux/types.h>

/* A record does not go over the end of a chunk: the verifier can tell that it is within the map. */
#define NP_RING_CHUNK (1 << 16)
#define NP_RING_NEXT_CHUNK 0xffffffff  /* in place of a size: what follows is in the next chunk */
#define NP_WAKEUP_RING_BYTES (1 << 16) /* whole pages, however large they are */

struct np_ring_chunk {
	char bytes[NP_RING_CHUNK];
};

/* Bytes since the beginning. Apart, so that one's writing does not slow the other's. */
struct np_ring_positions {
	__u64 written; /* by the program; what is before it stays until it is read */
	__u32 taken;   /* some program is writing, of those that others of them may preempt */
	__u32 asked;   /* the recorder has been asked to come; it takes that back */
	char apart[48];
	__u64 read;   /* by the recorder */
	__u64 ask_at; /* it wants to be asked to come when more than so many bytes are there */
	char apart_too[48];
};

/* Before each record; the next begins at a multiple of 8. */
struct np_ring_record {
	__u32 size;
	__u32 padding;
};

#ifdef __cplusplus
static_assert(sizeof(struct np_ring_positions) == 128, "np_ring_positions");
static_assert(sizeof(struct np_ring_record) == 8, "np_ring_record");
#else
_Static_assert(sizeof(struct np_ring_positions) == 128, "np_ring_positions");
_Static_assert(sizeof(struct np_ring_record) == 8, "np_ring_record");
#endif

#endif
