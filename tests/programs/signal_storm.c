/* SPDX-License-Identifier: Apache-2.0 */
/* Events from a signal handler, which comes every 50 microseconds, while the program itself emits. Every event is one
 * spike, so that sums of spikes count events. The signal may come before the thread has a ring of its own. */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "counted_layer.h"

static np_layer_t in_handler;
static volatile sig_atomic_t handler_events;

static void on_alarm(int signal)
{
	(void)signal;
	np_spikes(in_handler, 1);
	handler_events = handler_events + 1;
}

static void set_timer(long microseconds)
{
	const struct itimerval timer = {{0, microseconds}, {0, microseconds}};
	setitimer(ITIMER_REAL, &timer, 0);
}

int main(int argc, char **argv)
{
	const sig_atomic_t enough = argc > 1 ? atoi(argv[1]) : 2000;
	struct sigaction action = {0};
	uint64_t events = 0;
	const np_layer_t in_main = np_layer_define("main", "lif", 0);
	in_handler = np_layer_define("handler", "lif", 0);
	action.sa_handler = on_alarm;
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, 0);
	set_timer(50);
	while (handler_events < enough && events < 3000000) {
		np_spikes(in_main, 1);
		events++;
		/* Most signals must find the program outside of an event, page faults in the ring included. */
		for (volatile int work = 0; work < 200; work = work + 1)
			;
	}
	set_timer(0);
	print_layer("main", getpid(), 0, events);
	print_layer("handler", getpid(), 0, (uint64_t)handler_events);
	return 0;
}
