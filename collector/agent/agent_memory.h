/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the recorder shares with its agent inside a launched program (agent.c, collector/agent_memory.hpp).
 *
 * A memfd of the recorder, sealed against resizing, which is inherited across fork and exec like that of instrumented
 * programs. The program may write there whatever it likes: the recorder keeps positions of its own and checks the rest.
 *
 * A ring is a thread's from the first call on until the thread has ended and the recorder has read what it wrote; its
 * records are struct np_runtime_event, as BPF programs write them into theirs (bpf/mapped_ring.h).
 */
#ifndef NEUROPERF_AGENT_MEMORY_H
#define NEUROPERF_AGENT_MEMORY_H

#define NP_AGENT_CALL_BYTES 16   /* of an entry */
#define NP_AGENT_COPIED_WORDS 16 /* of the caller's stack, behind the return address */
#define NP_AGENT_SLOW_END_PUSHED                                                                                       \
	32 /* how far the stack pointer is at neuroperf_agent_slow_end below its value behind the call */

#include "bpf/agent_calls.h"

#ifndef __ASSEMBLER__
#include "bpf/mapped_ring.h"
#include "bpf/runtime_event.h"

/* "<memory>:<table of told names>:<cookie>", two descriptors and a hexadecimal number. */
#define NP_AGENT_ENVIRONMENT "NEUROPERF_AGENT"
#define NP_AGENT_MAGIC 0x313030746e656761ull /* "agent001": the layout */
#define NP_AGENT_RINGS 64
#define NP_AGENT_RING_CHUNKS 64 /* 4 MiB; memory is taken where a thread has written */
#define NP_AGENT_RING_BYTES ((__u64)NP_AGENT_RING_CHUNKS * NP_RING_CHUNK)

/* How calls of one virtual function are told. */
struct np_agent_call {
	__u32 on;                /* events are wanted now; else the function is called as if nobody watched */
	__u32 function;          /* its number in events */
	__u32 names_stay_ns;     /* struct np_place */
	__u16 place;             /* its number in events */
	__u16 identity_argument; /* 0 to 5: which argument is the identity */
};

struct np_agent_header {
	__u64 magic, cookie;
	__u64 return_number; /* np_runtime_event.function of returns */
	__u64 pid_namespace; /* the recorder's; threads of others have other numbers */
	__u64 dropped;       /* events for which a ring had no room */
	char apart[4096 - 40];
};

struct np_agent_memory {
	struct np_agent_header header;
	struct np_agent_call calls[NP_AGENT_CALLS];
	/* `taken`: number of the thread whose it is, 0 if nobody's. */
	struct np_ring_positions positions[NP_AGENT_RINGS];
	char apart[8192 - sizeof(struct np_ring_positions) * NP_AGENT_RINGS % 8192];
	struct np_ring_chunk chunks[NP_AGENT_RINGS * NP_AGENT_RING_CHUNKS];
};

#ifdef __cplusplus
static_assert(sizeof(struct np_agent_call) == 16 && sizeof(struct np_agent_header) == 4096, "np_agent_memory");
#else
_Static_assert(sizeof(struct np_agent_call) == 16 && sizeof(struct np_agent_header) == 4096, "np_agent_memory");
#endif
#endif /* __ASSEMBLER__ */
#endif
