/* SPDX-License-Identifier: Apache-2.0 */
/* event_cost.c's back-to-back measurement with the peer's tracepoint: lttng_event_cost EVENTS */
#define TRACEPOINT_CREATE_PROBES
#define TRACEPOINT_DEFINE
#include "lttng_provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCHES 10

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	const long events = argc > 1 ? atol(argv[1]) : 1000000;
	double batches[BATCHES];
	for (int batch = 0; batch < BATCHES; batch++) {
		const double start = now_ns();
		for (long i = 0; i < events / BATCHES; i++)
			tracepoint(neuroperf_bench, spikes, 1, (uint64_t)i);
		batches[batch] = (now_ns() - start) / (double)(events / BATCHES);
	}
	qsort(batches, BATCHES, sizeof batches[0], by_value);
	printf("events %ld ns_per_event %.2f\n", events, batches[BATCHES / 2]);
	return 0;
}
