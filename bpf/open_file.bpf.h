/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file behind a descriptor of a task, for BPF programs. */
#ifndef NEUROPERF_OPEN_FILE_BPF_H
#define NEUROPERF_OPEN_FILE_BPF_H

#include <linux/types.h>

#include <bpf/bpf_core_read.h>

#include "bpf/recorded_processes.bpf.h"

struct inode {
	__u16 i_mode;
	__u32 i_rdev;
} __attribute__((preserve_access_index));

struct file {
	struct inode *f_inode;
} __attribute__((preserve_access_index));

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} __attribute__((preserve_access_index));

struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

static __always_inline struct inode *np_inode_at(struct file **place)
{
	struct file *file = 0;
	bpf_probe_read_kernel(&file, sizeof(file), place);
	return file ? BPF_CORE_READ(file, f_inode) : 0;
}

/* 0: there is none. */
static __always_inline struct inode *np_inode_of(struct task_struct *task, __u64 descriptor)
{
	struct files_struct *files = task->files;
	struct fdtable *table = files ? files->fdt : 0;
	return table && descriptor < table->max_fds ? np_inode_at(table->fd + descriptor) : 0;
}

/* The same for programs of many paths: for each, verifiers look for the names of pointers' types among all that the
 * kernel has, some 0.3 ms a pointer. Reads take 20 ns longer. */
static __always_inline struct inode *np_inode_read(struct task_struct *task, __u64 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	return table && descriptor < BPF_CORE_READ(table, max_fds) ? np_inode_at(BPF_CORE_READ(table, fd) + descriptor)
								   : 0;
}

#endif
