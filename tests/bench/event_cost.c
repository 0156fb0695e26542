/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an in-process event costs the program that emits it.
 *
 *     event_cost EVENTS [EVENTS_PER_SECOND]
 *
 * Without a rate: emits EVENTS spike events in a row, in ten batches, and prints nanoseconds an event of the median
 * batch. With a rate: emits at that rate (bursts of 50 us) and prints the CPU time an event took, pauses left out. Run
 * it alone for events that nobody records, under `neuroperf record` for events that are.
 */
#include <neuroperf/neuroperf.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCHES 10

static double now_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double back_to_back(np_layer_t layer, long events)
{
	double batches[BATCHES];
	for (int batch = 0; batch < BATCHES; batch++) {
		const double start = now_ns(CLOCK_MONOTONIC);
		for (long i = 0; i < events / BATCHES; i++) {
			np_spikes(layer, 1);
			__asm__ volatile("" ::: "memory"); /* one event is not merged with the next */
		}
		batches[batch] = (now_ns(CLOCK_MONOTONIC) - start) / (double)(events / BATCHES);
	}
	qsort(batches, BATCHES, sizeof batches[0], by_value);
	return batches[BATCHES / 2];
}

/* The median burst: bursts in which something else got the CPU say nothing about an event. */
static double at_rate(np_layer_t layer, long events, double per_second)
{
	const double burst_ns = 50e3;
	const long burst = (long)(per_second * burst_ns / 1e9);
	const long bursts = (events + burst - 1) / burst;
	double *costs = calloc((size_t)bursts, sizeof *costs);
	const double start = now_ns(CLOCK_MONOTONIC);
	double median;
	if (!costs)
		return 0;
	for (long at = 0; at < bursts; at++) {
		double begin;
		while ((begin = now_ns(CLOCK_MONOTONIC)) < start + (double)at * burst_ns) {
		}
		for (long i = 0; i < burst; i++) {
			np_spikes(layer, 1);
			__asm__ volatile("" ::: "memory");
		}
		costs[at] = (now_ns(CLOCK_MONOTONIC) - begin) / (double)burst;
	}
	qsort(costs, (size_t)bursts, sizeof costs[0], by_value);
	median = costs[bursts / 2];
	free(costs);
	return median;
}

int main(int argc, char **argv)
{
	const long events = argc > 1 ? atol(argv[1]) : 10000000;
	const double rate = argc > 2 ? atof(argv[2]) : 0;
	const np_layer_t layer = np_layer_define("bench", "bench", NULL);
	const double ns = rate > 0 ? at_rate(layer, events, rate) : back_to_back(layer, events);
	printf("%s events %ld ns_per_event %.2f\n", np_recording() ? "recorded" : "not_recorded", events, ns);
	return 0;
}
