/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The registers with which a program entered the kernel for a system call, for BPF programs. */
#ifndef NEUROPERF_CALL_REGISTERS_BPF_H
#define NEUROPERF_CALL_REGISTERS_BPF_H

#include <linux/types.h>

#include <bpf/bpf_core_read.h>

#include "bpf/recorded_processes.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define NP_32_BIT_CALL 2 /* arch/x86/include/asm/thread_info.h, TS_COMPAT */
struct thread_info {
	__u32 status;
} __attribute__((preserve_access_index));
struct pt_regs___call {
	unsigned long orig_ax, di, si, dx, r10, r8, r9, ip;
} __attribute__((preserve_access_index));
#else
#define NP_32_BIT_PROGRAM (1 << 22) /* arch/arm64/include/asm/thread_info.h, TIF_32BIT */
struct thread_info {
	unsigned long flags;
} __attribute__((preserve_access_index));
struct pt_regs___call {
	__u64 regs[31];
	__u64 pc;
	__u64 orig_x0;
	__s32 syscallno;
} __attribute__((preserve_access_index));
#endif
struct task_struct___thread_info {
	struct thread_info thread_info;
} __attribute__((preserve_access_index));

static __always_inline __s64 np_system_call_of(const struct pt_regs___call *registers)
{
#if defined(__TARGET_ARCH_x86)
	return (__s64)registers->orig_ax;
#else
	return registers->syscallno;
#endif
}

static __always_inline __u64 np_instruction_of(const struct pt_regs___call *registers)
{
#if defined(__TARGET_ARCH_x86)
	return registers->ip;
#else
	return registers->pc;
#endif
}

#define NP_CALL_ARGUMENTS 6

static __always_inline void np_arguments_of(const struct pt_regs___call *registers, __u64 *arguments)
{
#if defined(__TARGET_ARCH_x86)
	arguments[0] = registers->di;
	arguments[1] = registers->si;
	arguments[2] = registers->dx;
	arguments[3] = registers->r10;
	arguments[4] = registers->r8;
	arguments[5] = registers->r9;
#else
	arguments[0] = registers->orig_x0;
	for (__u32 i = 1; i < NP_CALL_ARGUMENTS; i++)
		arguments[i] = registers->regs[i];
#endif
}

/* Such calls have numbers of their own. */
static __always_inline int np_is_in_32_bit_call(const struct task_struct *task)
{
	const struct task_struct___thread_info *with_info = (const void *)task;
#if defined(__TARGET_ARCH_x86)
	return bpf_core_field_exists(with_info->thread_info.status) &&
	       (with_info->thread_info.status & NP_32_BIT_CALL) != 0;
#else
	return (with_info->thread_info.flags & NP_32_BIT_PROGRAM) != 0;
#endif
}

#endif
