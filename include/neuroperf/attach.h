/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a recorder finds the events of an instrumented program that runs already.
 *
 * Every object (program or shared library) that emits events has one USDT probe, "neuroperf:event", and one
 * struct np_probe. The probe is described by an ELF note as <sys/sdt.h> writes it, so that bpftrace, perf and SystemTap
 * can use it too: type (enum np_event_type), id (np_layer_t and the like) and value, in the registers of the first
 * three arguments. The note's semaphore is np_probe.listeners.by.usdt; while it is not 0, events go to the probe.
 *
 * The site. The note names a one-byte nop. On x86-64 a five-byte nop (0f 1f 44 00 00) follows directly: Linux from 6.18
 * on turns a uprobe on that into a call, which costs half of a breakpoint; older ones single-step it, which costs many.
 * The site has a function of its own that keeps nothing below the stack pointer, where the kernel's call writes.
 *
 * Names. np_probe lies in the section .probes, file-backed and writable, NP_PROBE_SEMAPHORE bytes before the semaphore.
 * Its definitions are those of its object, in chunks that stay where they are: definition number n, counted from 0, is
 * in chunk k, of NP_PROBE_FIRST_CHUNK << k definitions, that begins with number NP_PROBE_FIRST_CHUNK * ((1 << k) - 1).
 * They are struct np_definition (shared_memory.h), where `hash` is the handle: NP_HANDLE_LOCAL | 31 bits of a hash over
 * the content, so that the same definition has the same handle in all objects and processes; where that handle is taken
 * by other content of the same object, the next one. `reserved` links them for np__define.
 *
 * Trust: a reader takes all this for hostile input. The layout is versioned by NP_PROBE_VERSION.
 */
#ifndef NEUROPERF_ATTACH_H
#define NEUROPERF_ATTACH_H

#include <stddef.h>
#include <stdint.h>

#define NP_PROBE_MAGIC UINT64_C(0x65626f7270706e01) /* 1, "npprobe" */
#define NP_PROBE_VERSION 1u
#define NP_PROBE_SEMAPHORE 2u                /* offset of the semaphore in struct np_probe */
#define NP_PROBE_FIRST_CHUNK 64u             /* definitions in the first chunk */
#define NP_PROBE_CHUNKS 10u                  /* each twice the one before */
#define NP_PROBE_DEFINITIONS 65472u          /* in all of them */
#define NP_HANDLE_LOCAL UINT32_C(0x80000000) /* set in handles of this kind, never in numbers of shared memory */

/* Who wants events: all in one word, so that an event costs one test when nobody does. */
union np_listeners {
	uint32_t any;
	struct {
		uint16_t shared_memory; /* 1: the recorder that launched the program */
		uint16_t usdt;          /* kept by the kernel, not 0 while a tool is attached */
	} by;
};

struct np_probe {
	union np_listeners listeners;
	uint32_t version;
	uint64_t magic;
	uint32_t definition_count; /* may exceed what there is room for */
	uint32_t reserved;
	uint64_t buckets;                 /* address of the hash table of np__define, 0 = none */
	uint64_t chunks[NP_PROBE_CHUNKS]; /* addresses of struct np_definition[], 0 = none yet */
	uint64_t reserved_end[2];
};

#ifdef __cplusplus
static_assert(sizeof(struct np_probe) == 128, "np_probe");
static_assert(offsetof(struct np_probe, listeners.by.usdt) == NP_PROBE_SEMAPHORE, "np_probe");
static_assert(NP_PROBE_DEFINITIONS == NP_PROBE_FIRST_CHUNK * ((1u << NP_PROBE_CHUNKS) - 1), "np_probe");
#else
_Static_assert(sizeof(struct np_probe) == 128, "np_probe");
_Static_assert(offsetof(struct np_probe, listeners.by.usdt) == NP_PROBE_SEMAPHORE, "np_probe");
_Static_assert(NP_PROBE_DEFINITIONS == NP_PROBE_FIRST_CHUNK * ((1u << NP_PROBE_CHUNKS) - 1), "np_probe");
#endif

#endif /* NEUROPERF_ATTACH_H */
