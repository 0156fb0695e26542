// SPDX-License-Identifier: Apache-2.0
// deny_perf EPERM|ENOSYS|EPERM-but-bpf COMMAND [ARGUMENTS]: runs a command in which perf_event_open and bpf fail that
// way, by a seccomp filter, as in containers and on hardened systems. Exits with 120 if the filter cannot be had.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the architecture's AUDIT_ARCH_ number is not known here"
#endif

enum { CANNOT = 120 };

static int deny(unsigned error, int bpf_too)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, bpf_too ? 1 : 0, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
	};
	const struct sock_fprog filter = {sizeof program / sizeof program[0], program};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

int main(int argc, char **argv)
{
	unsigned error = 0;
	const int but_bpf = argc > 2 && strcmp(argv[1], "EPERM-but-bpf") == 0;
	if (argc > 2 && (but_bpf || strcmp(argv[1], "EPERM") == 0))
		error = EPERM;
	if (argc > 2 && strcmp(argv[1], "ENOSYS") == 0)
		error = ENOSYS;
	if (error == 0) {
		fprintf(stderr, "usage: deny_perf EPERM|ENOSYS|EPERM-but-bpf COMMAND [ARGUMENTS]\n");
		return 2;
	}
	if (deny(error, !but_bpf) != 0) {
		perror("deny_perf: no seccomp filter");
		return CANNOT;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return CANNOT;
}
