/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The numbers of the current thread as the recorder's pid namespace sees it, for BPF programs. */
#ifndef NEUROPERF_THREAD_NUMBERS_BPF_H
#define NEUROPERF_THREAD_NUMBERS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* The recorder's pid namespace: device and inode of /proc/self/ns/pid; 0 if it is the first of all. */
const volatile __u64 np_namespace_device = 0;
const volatile __u64 np_namespace_inode = 0;

/* Events of threads that the recorder's pid namespace does not see: they have the numbers of the first namespace. */
__u64 np_outside_namespace = 0;

/* pid << 32 | tid */
static __always_inline __u64 np_thread_numbers(void)
{
	struct bpf_pidns_info info = {};
	if (np_namespace_inode == 0)
		return bpf_get_current_pid_tgid();
	if (bpf_get_ns_current_pid_tgid(np_namespace_device, np_namespace_inode, &info, sizeof(info)) == 0)
		return (__u64)info.tgid << 32 | info.pid;
	__sync_fetch_and_add(&np_outside_namespace, 1);
	return bpf_get_current_pid_tgid();
}

#endif
