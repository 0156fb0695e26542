/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the memory that a recorded program shares with `neuroperf record`.
 *
 * The recorder creates one sparse memfd, seals its size and lets it be inherited across fork and exec; every process
 * and every thread of the recorded tree writes its events there without a system call or a lock. What neuroperf.h does
 * with it is in that header; what the recorder does is in collector/shared_rings.hpp.
 *
 *   offset 0              struct np_shm_header
 *   rings_offset          struct np_ring      x ring_count        control blocks, three cache lines each
 *   index_offset          uint32_t            x index_capacity    open-addressing hash table: definition id, 0 = empty
 *   definitions_offset    struct np_definition x definition_capacity
 *   slots_offset          struct np_slot      x ring_slots        for ring 0; ring i starts slots_stride * i later
 *
 * Trust: the recorder takes everything here for hostile input and keeps a copy of the geometry of its own. A program
 * trusts the recorder that started it.
 *
 * Ring states and who changes them:
 *   FREE --(a thread, by compare-and-swap)--> CLAIMED --(the same thread)--> LIVE --(recorder: thread gone, drained)-->
 * FREE
 *
 * The layout is versioned by NP_SHM_VERSION: a program that finds another version records nothing.
 */
#ifndef NEUROPERF_SHARED_MEMORY_H
#define NEUROPERF_SHARED_MEMORY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Environment variable that hands the memory to the program: "<fd>:<pid of the recorder>:<cookie, hexadecimal>". */
#define NP_SHM_ENVIRONMENT "NEUROPERF_SHM"

#define NP_SHM_MAGIC UINT64_C(0x31307072656e7570) /* "punerp01" */
#define NP_SHM_VERSION 1u

enum np_clock {
	NP_CLOCK_COUNTER = 1,   /* the CPU's constant counter: TSC on x86, CNTVCT_EL0 on aarch64 */
	NP_CLOCK_MONOTONIC = 2, /* clock_gettime(CLOCK_MONOTONIC), nanoseconds */
};

enum np_ring_state {
	NP_RING_FREE = 0,
	NP_RING_CLAIMED = 1,
	NP_RING_LIVE = 2,
};

enum np_event_type {
	NP_EVENT_LAYER_BEGIN = 1,
	NP_EVENT_LAYER_END = 2,
	NP_EVENT_SPIKES = 3,          /* value: number of spikes */
	NP_EVENT_SYNOPS = 4,          /* value: number of synaptic events */
	NP_EVENT_INFERENCE_BEGIN = 5, /* value: sequence number, the program's own */
	NP_EVENT_INFERENCE_END = 6,   /* value: the same number */
	NP_EVENT_COUNTER = 7,         /* value: bits of an IEEE 754 double */
	NP_EVENT_MARK = 8,
};

/* What a definition defines; np_slot.id is the number of the definition, counted from 1. */
enum np_definition_what {
	NP_DEFINES_LAYER = 1,
	NP_DEFINES_INFERENCE = 2,
	NP_DEFINES_COUNTER = 3,
	NP_DEFINES_MARK = 4,
};

enum np_definition_state {
	NP_DEFINITION_EMPTY = 0,
	NP_DEFINITION_READY = 1,
	NP_DEFINITION_ABANDONED = 2, /* another thread defined the same a moment earlier: not used */
};

/* One event: 24 bytes. `stamp` is in the units of np_shm_header.clock. */
struct np_slot {
	uint64_t stamp;
	uint64_t value;
	uint32_t id;
	uint16_t type; /* enum np_event_type */
	uint16_t reserved;
};

/* Control block of one thread's ring. Positions count slots since the ring was made and never wrap in practice. */
struct np_ring {
	/* Written at claim, read by the recorder. */
	uint32_t state;
	uint32_t pid;
	uint32_t tid;
	uint32_t pid_namespace; /* inode of /proc/self/ns/pid, 0 = unknown: pid and tid are numbers of that namespace */
	uint64_t process_key;   /* tells processes with the same pid apart: AT_RANDOM bytes */
	uint8_t pad0[40];
	/* Written by the thread. */
	uint64_t head;      /* next slot to write; released after the slot is complete */
	uint64_t tail_seen; /* the thread's last look at `tail` */
	uint64_t lost;      /* events not recorded because the ring was full or a signal handler interrupted one */
	uint32_t busy;      /* 1 while a slot is being written: a signal handler's event is then lost, not torn */
	uint8_t pad1[36];
	/* Written by the recorder. */
	uint64_t tail; /* next slot to read */
	uint8_t pad2[56];
};

/* A name with facts, written once, read by the recorder after `state` says READY. Strings are NUL-terminated. */
struct np_definition {
	uint32_t state;
	uint32_t hash;
	uint64_t stamp;
	uint32_t pid;
	uint32_t tid;
	uint32_t what; /* enum np_definition_what */
	uint32_t reserved;
	uint64_t neurons; /* facts of a layer; 0 = not told */
	uint64_t synapses;
	uint64_t macs; /* multiply-accumulates of one call */
	uint64_t parameters;
	char name[144];
	char kind[48]; /* layer or inference: its kind; counter: its unit */
};

struct np_shm_header {
	uint64_t magic;
	uint32_t version;
	uint32_t clock; /* enum np_clock */
	uint64_t cookie;
	uint64_t total_size;
	uint32_t ring_count;
	uint32_t ring_slots;     /* a power of two */
	uint32_t index_capacity; /* a power of two */
	uint32_t definition_capacity;
	uint64_t rings_offset;
	uint64_t index_offset;
	uint64_t definitions_offset;
	uint64_t slots_offset;
	uint64_t slots_stride;
	uint8_t pad0[40];
	/* Written by the recorder. */
	uint32_t active; /* 1 while somebody drains */
	uint32_t reserved0;
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC of the last round */
	uint8_t pad1[48];
	/* Written by programs. */
	uint32_t ring_high;         /* rings [0, ring_high) have been claimed at least once */
	uint32_t definition_count;  /* definitions handed out; may exceed definition_capacity */
	uint64_t lost_without_ring; /* events of threads that found no free ring */
	uint8_t pad2[48];
};

#ifdef __cplusplus
}
static_assert(sizeof(struct np_slot) == 24, "np_slot");
static_assert(sizeof(struct np_ring) == 192, "np_ring");
static_assert(sizeof(struct np_definition) == 256, "np_definition");
static_assert(sizeof(struct np_shm_header) == 256, "np_shm_header");
#else
_Static_assert(sizeof(struct np_slot) == 24, "np_slot");
_Static_assert(sizeof(struct np_ring) == 192, "np_ring");
_Static_assert(sizeof(struct np_definition) == 256, "np_definition");
_Static_assert(sizeof(struct np_shm_header) == 256, "np_shm_header");
#endif

#endif /* NEUROPERF_SHARED_MEMORY_H */
