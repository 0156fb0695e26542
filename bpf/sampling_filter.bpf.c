/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For events that sample whole CPUs: which samples are kept. One event a CPU in place of one for each thread and CPU.
 */
#include "bpf/recorded_processes.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* 0: the sample is dropped. */
SEC("perf_event")
int np_keeps_sample(void *context)
{
	(void)context;
	return np_is_recorded(0);
}
