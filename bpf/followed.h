/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which processes the recorder follows: a word on the first thread of each. process_tree.bpf.c keeps it for children;
 * programs that see events of others too ask it. All of them share one map.
 */
#ifndef NEUROPERF_FOLLOWED_H
#define NEUROPERF_FOLLOWED_H

enum np_followed {
	NP_FOLLOWED = 1,          /* the recorder is told of its children */
	NP_FOLLOWED_BY_FILES = 2, /* and its events come by probes that all processes have */
};

#ifdef __bpf__
/* Of the kernel's types, what is read here; where it lies, the loader knows. */
struct mm_struct;
struct pid;
struct task_struct {
	int pid, tgid;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct pid *thread_pid;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} np_followed SEC(".maps");
#endif

#endif
