/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads that wake each other through pipes, some 20,000 context switches a second: bench_switching SECONDS
 *
 * Every 4 ms 20 rounds of four switches each: both leave their CPU and get one. Says what it was:
 *	cpu_ns CPU switches N
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { kRounds = 20, kPeriodNs = 4000000 };

static int to_other[2], from_other[2];

static void *answer(void *unused)
{
	char byte;
	while (read(to_other[0], &byte, 1) == 1)
		if (write(from_other[1], &byte, 1) != 1)
			break;
	return unused;
}

int main(int argc, char **argv)
{
	const int periods = argc == 2 ? atoi(argv[1]) * (1000000000 / kPeriodNs) : 0;
	struct timespec next;
	struct rusage usage;
	pthread_t other;
	char byte = 0;
	int period, round;
	if (periods == 0 || pipe(to_other) != 0 || pipe(from_other) != 0 ||
	    pthread_create(&other, NULL, answer, NULL) != 0)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (period = 0; period < periods; period++) {
		for (round = 0; round < kRounds; round++)
			if (write(to_other[1], &byte, 1) != 1 || read(from_other[0], &byte, 1) != 1)
				return 1;
		next.tv_nsec += kPeriodNs;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	close(to_other[1]);
	pthread_join(other, NULL);
	getrusage(RUSAGE_SELF, &usage);
	printf("cpu_ns %llu switches %ld\n",
	       (unsigned long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
		       (unsigned long long)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000,
	       usage.ru_nvcsw + usage.ru_nivcsw);
	return 0;
}
