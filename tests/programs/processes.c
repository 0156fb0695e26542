/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program for what processes do to each other. Usage: processes WHAT
 *   fork           parent and child emit, both print
 *   fork_threads   several threads emit while the main thread forks children that emit
 *   vfork_exec     a vfork'ed child becomes "processes emit"; the parent goes on emitting
 *   exec PROGRAM ARGUMENTS   emits, then becomes PROGRAM
 *   close_fds      closes every descriptor but the standard ones first, then emits
 *   emit           emits
 *   slow SECONDS   emits a little every 5 ms; ends with a burst larger than a ring
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counted_layer.h"

static void emit(const char *name, uint64_t calls)
{
	struct counted_layer layer = counted_layer_define(name);
	counted_layer_run(&layer, calls);
	print_layer(name, getpid(), layer.calls, layer.spikes);
}

static int wait_for(pid_t child)
{
	int status = 0;
	if (waitpid(child, &status, 0) != child)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int run_fork(void)
{
	struct counted_layer layer = counted_layer_define("parent");
	pid_t child;
	int failed;
	counted_layer_run(&layer, 100);
	child = fork();
	if (child == 0) {
		emit("child", 200);
		emit("parent", 10); /* the same layer, another process */
		_exit(0);
	}
	counted_layer_run(&layer, 300);
	failed = wait_for(child);
	counted_layer_run(&layer, 50);
	print_layer("parent", getpid(), layer.calls, layer.spikes);
	return failed;
}

static void *emit_beside(void *unused)
{
	struct counted_layer layer = counted_layer_define("beside");
	(void)unused;
	counted_layer_run(&layer, 20000);
	return 0;
}

static int run_fork_threads(void)
{
	enum { kThreads = 4, kChildren = 20 };
	pthread_t threads[kThreads];
	int i, failed = 0;
	for (i = 0; i < kThreads; i++)
		pthread_create(&threads[i], 0, emit_beside, 0);
	for (i = 0; i < kChildren; i++) {
		const pid_t child = fork();
		if (child == 0) {
			emit("child", 100);
			_exit(0);
		}
		failed |= wait_for(child);
	}
	for (i = 0; i < kThreads; i++)
		pthread_join(threads[i], 0);
	print_layer("beside", getpid(), kThreads * 20000, kThreads * 20000 / 4 * 6);
	return failed;
}

static int run_vfork_exec(const char *self)
{
	struct counted_layer layer = counted_layer_define("parent");
	pid_t child;
	int failed;
	counted_layer_run(&layer, 100);
	child = vfork();
	if (child == 0) {
		execl(self, self, "emit", (char *)0);
		_exit(127);
	}
	failed = wait_for(child);
	counted_layer_run(&layer, 100);
	print_layer("parent", getpid(), layer.calls, layer.spikes);
	return failed;
}

static int run_slow(double seconds)
{
	const struct timespec pause = {0, 5000000};
	struct counted_layer layer = counted_layer_define("slow");
	int i;
	for (i = 0; i < (int)(seconds * 200); i++) {
		counted_layer_run(&layer, 3);
		nanosleep(&pause, 0);
	}
	counted_layer_run(&layer, 600000);
	print_layer("slow", getpid(), layer.calls, layer.spikes);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "fork"))
		return run_fork();
	if (!strcmp(what, "fork_threads"))
		return run_fork_threads();
	if (!strcmp(what, "vfork_exec"))
		return run_vfork_exec(argv[0]);
	if (!strcmp(what, "slow") && argc > 2)
		return run_slow(atof(argv[2]));
	if (!strcmp(what, "close_fds"))
		for (int fd = 3; fd < 4096; fd++)
			close(fd);
	if (!strcmp(what, "emit") || !strcmp(what, "close_fds") || !strcmp(what, "exec"))
		emit(what, 500);
	if (!strcmp(what, "exec") && argc > 2) {
		execv(argv[2], argv + 2);
		return 127;
	}
	return *what ? 0 : 2;
}
