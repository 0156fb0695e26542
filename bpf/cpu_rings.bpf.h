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

/* A ring that is fuller than this wakes the recorder up. */
const volatile __u64 np_wakeup_bytes = 1 << 19;

static __always_inline void *np_ring_of_this_cpu(void)
{
	const __u32 cpu = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&np_rings, &cpu);
}

static __always_inline __u64 np_wake_up(void *ring)
{
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > np_wakeup_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

#endif
