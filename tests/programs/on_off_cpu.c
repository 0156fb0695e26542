/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that run and sleep by a schedule: on_off_cpu THREADS ROUNDS BURN_US SLEEP_US
 *
 * In each round thread i takes (i + 1) * BURN_US of CPU time and then sleeps; the first one does not sleep. Each says
 * at its end what the kernel counted for it: thread TID cpu_ns CPU_TIME voluntary SWITCHES involuntary SWITCHES
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "thread_clocks.h"

enum { kMaxThreads = 64 };

struct worker {
	pthread_t thread;
	long index;
	long tid;
	uint64_t cpu_ns;
	struct rusage usage;
};

static long rounds, burn_us, sleep_us;

static void *work(void *argument)
{
	struct worker *worker = argument;
	const struct timespec pause = {sleep_us / 1000000, sleep_us % 1000000 * 1000};
	long i;

	worker->tid = syscall(SYS_gettid);
	for (i = 0; i < rounds; i++) {
		burn((uint64_t)(worker->index + 1) * (uint64_t)burn_us * 1000);
		if (worker->index > 0)
			nanosleep(&pause, NULL);
	}
	getrusage(RUSAGE_THREAD, &worker->usage);
	worker->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[kMaxThreads];
	long threads, i;

	if (argc != 5) {
		fprintf(stderr, "usage: on_off_cpu THREADS ROUNDS BURN_US SLEEP_US\n");
		return 2;
	}
	threads = strtol(argv[1], NULL, 10);
	rounds = strtol(argv[2], NULL, 10);
	burn_us = strtol(argv[3], NULL, 10);
	sleep_us = strtol(argv[4], NULL, 10);
	if (threads > kMaxThreads)
		threads = kMaxThreads;
	for (i = 0; i < threads; i++) {
		workers[i].index = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 1;
	}
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < threads; i++)
		printf("thread %ld cpu_ns %llu voluntary %ld involuntary %ld\n", workers[i].tid,
		       (unsigned long long)workers[i].cpu_ns, workers[i].usage.ru_nvcsw, workers[i].usage.ru_nivcsw);
	return 0;
}
