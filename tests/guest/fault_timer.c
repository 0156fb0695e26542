/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command, and says how long threads of one name waited in page faults meanwhile:
 *
 *     fault_timer NAME COMMAND [ARGUMENT...]
 *
 *     fault_waits N waited_ns NANOSECONDS
 *
 * Needs root and a kernel whose functions can be traced by BPF programs (fentry).
 */
#include <fault_timer.skel.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct fault_timer_bpf *timer = argc > 2 ? fault_timer_bpf__open() : NULL;
	int status = 1;
	pid_t child;
	if (!timer) {
		fprintf(stderr, "usage: fault_timer NAME COMMAND [ARGUMENT...]\n");
		return 2;
	}
	strncpy((char *)timer->rodata->name, argv[1], sizeof timer->rodata->name - 1);
	if (fault_timer_bpf__load(timer) != 0 || fault_timer_bpf__attach(timer) != 0)
		return 2; /* libbpf has said why */
	child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 2;
	printf("fault_waits %llu waited_ns %llu\n", (unsigned long long)timer->bss->waits,
	       (unsigned long long)timer->bss->waited_ns);
	fault_timer_bpf__destroy(timer);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
