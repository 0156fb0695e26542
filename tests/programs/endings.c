/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to end. Every one first makes 10 calls of the layer "last words". Usage: endings WHAT [ARGUMENT]
 *   exit STATUS     signal NUMBER    at once: returns that; sends that to itself
 *   segv            abort            crashes inside the layer
 *   orphan SECONDS  a child makes 5 more calls after SECONDS; its parent does not wait
 *   setsid SECONDS  the same, as a daemon: a session of its own, forked twice
 *   kill_group NUMBER      sends that to its process group
 *   kill_group_and_count NUMBER   the same, caught; 0 if it came once, 3 if more often
 *   wait_for NUMBER        waits for that signal up to 10 s; 0 if it came once, 3 if more often, 2 if not
 *   ignore_int SECONDS     ignores SIGINT and goes on for SECONDS
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counted_layer.h"

static volatile sig_atomic_t signals_seen;

static void on_signal(int signal)
{
	(void)signal;
	signals_seen = signals_seen + 1;
}

static void pause_for(double seconds)
{
	struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	while (nanosleep(&left, &left) != 0) {
	}
}

static void emit(uint64_t calls)
{
	struct counted_layer layer = counted_layer_define("last words");
	counted_layer_run(&layer, calls);
}

static int leave_child(double seconds, int daemon)
{
	if (fork() != 0)
		return 0;
	if (daemon) {
		setsid();
		if (fork() != 0)
			_exit(0);
	}
	close(0);
	close(1);
	close(2);
	pause_for(seconds);
	emit(5);
	_exit(0);
}

static int count_signals(void)
{
	int i;
	for (i = 0; i < 1000 && !signals_seen; i++)
		usleep(10000);
	pause_for(0.3); /* a second one would come soon */
	return signals_seen == 1 ? 0 : signals_seen == 0 ? 2 : 3;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const double number = argc > 2 ? atof(argv[2]) : 0;
	volatile int *nowhere = 0;
	emit(10);
	if (!strcmp(what, "exit"))
		return (int)number;
	if (!strcmp(what, "signal"))
		raise((int)number);
	if (!strcmp(what, "segv") || !strcmp(what, "abort")) {
		np_layer_begin(np_layer_define("crashes here", "lif", 0));
		if (*what == 'a')
			abort();
		*nowhere = 1;
	}
	if (!strcmp(what, "orphan") || !strcmp(what, "setsid"))
		return leave_child(number, *what == 's');
	if (!strcmp(what, "kill_group")) {
		kill(0, (int)number);
		pause_for(2);
	}
	if (!strcmp(what, "kill_group_and_count")) {
		signal((int)number, on_signal);
		kill(0, (int)number);
		return count_signals();
	}
	if (!strcmp(what, "wait_for")) {
		signal((int)number, on_signal);
		puts("ready");
		fflush(stdout);
		return count_signals();
	}
	if (!strcmp(what, "ignore_int")) {
		signal(SIGINT, SIG_IGN);
		puts("ready");
		fflush(stdout);
		pause_for(number);
		return 7;
	}
	return 2;
}
