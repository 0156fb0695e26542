/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The number of a task that need not be the current one, as the recorder's pid namespace sees it, for BPF programs. */
#ifndef NEUROPERF_TASK_NUMBER_BPF_H
#define NEUROPERF_TASK_NUMBER_BPF_H

#include <linux/types.h>

#include <bpf/bpf_core_read.h>

#include "bpf/thread_numbers.bpf.h"

struct pid_namespace {
	struct {
		unsigned int inum;
	} ns;
} __attribute__((preserve_access_index));
struct upid {
	int nr;
	struct pid_namespace *ns;
} __attribute__((preserve_access_index));
struct pid {
	unsigned int level;
	struct upid numbers[1];
} __attribute__((preserve_access_index));

#define NP_NAMESPACES 33 /* the kernel's limit is 32 below the first */

/* `pid`: task->thread_pid; `first`: its number in the first namespace. 0 if the recorder's does not see it. */
static __always_inline __u32 np_number_of(const struct pid *pid, __u32 first)
{
	if (np_namespace_inode == 0)
		return first;
	const __u32 level = BPF_CORE_READ(pid, level);
	const char *numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
	for (__u32 i = 0; i < NP_NAMESPACES && i <= level; i++) {
		const struct upid *number = (const struct upid *)(numbers + i * bpf_core_type_size(struct upid));
		if (BPF_CORE_READ(number, ns, ns.inum) == np_namespace_inode)
			return BPF_CORE_READ(number, nr);
	}
	return 0;
}

#endif
