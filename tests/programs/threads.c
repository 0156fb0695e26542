/* SPDX-License-Identifier: Apache-2.0 */
/* Usage: threads COUNT AT_ONCE CALLS PAUSE_US. COUNT threads in groups of AT_ONCE, each of which makes CALLS calls of
 * one layer. All threads of a group are alive at once: none ends before all have emitted. Between groups it sleeps. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "counted_layer.h"

static uint64_t calls;
static pthread_barrier_t all_emitted;

static void *run_thread(void *spikes)
{
	struct counted_layer layer = counted_layer_define("threaded");
	counted_layer_run(&layer, calls);
	*(uint64_t *)spikes = layer.spikes;
	pthread_barrier_wait(&all_emitted);
	return 0;
}

/* Returns the spikes of the group, or ends the program: fewer threads than asked for would test something else. */
static uint64_t run_group(unsigned count, const pthread_attr_t *attributes)
{
	pthread_t *threads = calloc(count, sizeof *threads);
	uint64_t *spikes = calloc(count, sizeof *spikes), total = 0;
	unsigned i;
	pthread_barrier_init(&all_emitted, 0, count);
	for (i = 0; i < count; i++)
		if (pthread_create(&threads[i], attributes, run_thread, &spikes[i]) != 0) {
			fprintf(stderr, "cannot start thread %u\n", i);
			exit(1);
		}
	for (i = 0; i < count; i++) {
		pthread_join(threads[i], 0);
		total += spikes[i];
	}
	pthread_barrier_destroy(&all_emitted);
	free(threads);
	free(spikes);
	return total;
}

int main(int argc, char **argv)
{
	unsigned count, at_once, started;
	uint64_t spikes = 0;
	pthread_attr_t attributes;
	struct timespec pause;
	if (argc < 5)
		return 2;
	count = (unsigned)atoi(argv[1]);
	at_once = (unsigned)atoi(argv[2]);
	calls = strtoull(argv[3], 0, 10);
	pause.tv_sec = 0;
	pause.tv_nsec = atol(argv[4]) * 1000;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 128 * 1024);
	for (started = 0; started < count; started += at_once) {
		spikes += run_group(count - started < at_once ? count - started : at_once, &attributes);
		nanosleep(&pause, 0);
	}
	print_layer("threaded", getpid(), calls * count, spikes);
	return 0;
}
