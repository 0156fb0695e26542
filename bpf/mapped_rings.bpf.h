/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A ring for each CPU in memory that the recorder maps (collector/mapped_rings.hpp). It has one writer at a time, which
 * takes some 30 ns less a record than BPF's own rings, that must do for any number of them; and a record is as long as
 * it turns out to be.
 *
 * Of BPF programs that perf runs the kernel lets one at a time run on a CPU (trace_call_bpf). Others may preempt each
 * other: they np_take_ring() first, and need another way out when it is taken.
 */
#ifndef NEUROPERF_MAPPED_RINGS_BPF_H
#define NEUROPERF_MAPPED_RINGS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/mapped_ring.h"

/* The recorder sets the number of entries of both. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_ring_positions);
} np_positions SEC(".maps"); /* by CPU */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct np_ring_chunk);
} np_chunks SEC(".maps"); /* those of the first CPU, then of the next */

/* Whatever is in there, the recorder is to come. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, NP_WAKEUP_RING_BYTES);
} np_wakeups SEC(".maps");

const volatile __u32 np_ring_chunks = 1; /* of each CPU; a power of two */

struct np_room {
	struct np_ring_positions *ring;
	char *record;
	__u64 position; /* of the record */
};

static __always_inline char *np_chunk_at(__u32 cpu, __u64 position)
{
	const __u32 chunks = np_ring_chunks;
	const __u32 index = cpu * chunks + (__u32)((position / NP_RING_CHUNK) & (chunks - 1));
	return bpf_map_lookup_elem(&np_chunks, &index);
}

/* The ring of this CPU, until np_leave_ring(); 0 if a program that has been preempted is writing there. */
static __always_inline struct np_ring_positions *np_take_ring(__u32 cpu)
{
	struct np_ring_positions *ring = bpf_map_lookup_elem(&np_positions, &cpu);
	return ring && __sync_lock_test_and_set(&ring->taken, 1) == 0 ? ring : 0;
}

static __always_inline void np_leave_ring(struct np_ring_positions *ring)
{
	asm volatile("" ::: "memory"); /* for programs of this CPU alone */
	*(volatile __u32 *)&ring->taken = 0;
}

/* Has the recorder come, once until it has looked: each time costs the recorded program an interrupt, and in virtual
 * machines, where another CPU is woken up for it, some 100 us. */
static __always_inline void np_ask(struct np_ring_positions *ring)
{
	const __u64 nothing = 0;
	if (*(volatile __u32 *)&ring->asked)
		return;
	ring->asked = 1;
	bpf_ringbuf_output(&np_wakeups, (void *)&nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

/* Room for a record of at most `most` bytes, which is a constant; np_put() makes it one. 0: the ring has none. */
static __always_inline char *np_room_in(struct np_ring_positions *ring, __u32 cpu, struct np_room *room, __u64 most)
{
	__u64 position = ring->written, offset = position % NP_RING_CHUNK;
	if (offset > NP_RING_CHUNK - sizeof(struct np_ring_record) - most) {
		char *chunk = np_chunk_at(cpu, position);
		if (!chunk)
			return 0;
		((struct np_ring_record *)(chunk + (offset & ~7ull)))->size = NP_RING_NEXT_CHUNK;
		position += NP_RING_CHUNK - offset;
		offset = 0;
	}
	if (position + sizeof(struct np_ring_record) + most - ring->read > (__u64)np_ring_chunks * NP_RING_CHUNK)
		return 0;
	char *chunk = np_chunk_at(cpu, position);
	if (!chunk)
		return 0;
	room->ring = ring;
	room->position = position;
	room->record = chunk + offset;
	return room->record + sizeof(struct np_ring_record);
}

/* `number`: of the ring; who is the only one to write to it need not take it. */
static __always_inline char *np_room_of(__u32 number, struct np_room *room, __u64 most)
{
	struct np_ring_positions *ring = bpf_map_lookup_elem(&np_positions, &number);
	return ring ? np_room_in(ring, number, room, most) : 0;
}

/* What was written before is to be seen before. */
static __always_inline void np_publish(struct np_ring_positions *ring, __u64 written)
{
#ifdef __TARGET_ARCH_x86
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&ring->written = written;
#else
	__sync_lock_test_and_set(&ring->written, written);
#endif
}

/* The first `size` bytes of the room are a record. */
static __always_inline void np_put(struct np_room *room, __u64 size)
{
	((struct np_ring_record *)room->record)->size = size;
	const __u64 end = room->position + sizeof(struct np_ring_record) + ((size + 7) & ~7ull);
	np_publish(room->ring, end);
	if (end - room->ring->read > room->ring->ask_at)
		np_ask(room->ring);
}

#endif
