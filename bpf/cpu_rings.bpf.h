/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A ring for each CPU, for BPF programs whose events are many (collector/bpf_cpu_rings.hpp). */
#ifndef NEUROPERF_CPU_RINGS_BPF_H
#define NEUROPERF_CPU_RINGS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* By CPU. The recorder makes the rings, and sets the number of entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 4096);
		});
} np_rings SEC(".maps");

/* A ring that is fuller than this wakes the recorder up, and again with each quarter of this that comes on top. */
const volatile __u64 np_wakeup_bytes = 1 << 19;

#define NP_RING_RECORD(bytes) (((__u64)(bytes) + 8 /* BPF_RINGBUF_HDR_SZ */ + 7) & ~7ull)

static __always_inline void *np_ring_of_this_cpu(void)
{
	const __u32 cpu = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&np_rings, &cpu);
}

/* For a record of so many bytes, which has just been reserved, or will be. Waking up costs the recorded program an
 * interrupt, and in virtual machines some microseconds: not with each event until the recorder comes. */
static __always_inline __u64 np_wake_up(void *ring, __u64 bytes)
{
	const __u64 step = np_wakeup_bytes / 4;
	if (bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) <= np_wakeup_bytes)
		return BPF_RB_NO_WAKEUP;
	const __u64 end = bpf_ringbuf_query(ring, BPF_RB_PROD_POS);
	return end / step != (end - NP_RING_RECORD(bytes)) / step ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

#endif
