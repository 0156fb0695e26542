/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers of known behaviour, each within an inference: scripted_layers ROUNDS
 *
 *	compute   takes CPU time             sleep     waits for the clock
 *	ping_pong waits for another process  contend   takes CPU time on a CPU that another thread wants as well
 *
 * Says for each what its thread's own clocks show: layer NAME calls N wall_ns WALL cpu_ns CPU
 */
#define _GNU_SOURCE
#include <neuroperf/neuroperf.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thread_clocks.h"

struct scripted {
	const char *name;
	void (*run)(void);
	np_layer_t layer;
	uint64_t wall_ns, cpu_ns;
};

static int to_child[2], from_child[2];
static atomic_int contending;

static void compute(void)
{
	burn(2000000);
}

static void pause_ns(long ns)
{
	const struct timespec pause = {0, ns};
	nanosleep(&pause, NULL);
}

static void sleep_a_while(void)
{
	pause_ns(3000000);
}

static void ping_pong(void)
{
	char byte = 0;
	int i;
	for (i = 0; i < 20; i++)
		if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
			exit(1);
}

static void *contend_too(void *unused)
{
	(void)unused;
	while (atomic_load(&contending))
		;
	return NULL;
}

static void stay_on(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		exit(1);
}

static void contend(void)
{
	burn(20000000);
}

/* Sends back what it gets, a little later. */
static void answer(void)
{
	char byte;
	close(to_child[1]); /* so that this ends with its parent */
	while (read(to_child[0], &byte, 1) == 1) {
		pause_ns(100000);
		if (write(from_child[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void run_layer(struct scripted *layer, np_inference_t inference, uint64_t round)
{
	uint64_t wall, cpu;
	np_inference_begin(inference, round);
	wall = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	np_layer_begin(layer->layer);
	layer->run();
	np_layer_end(layer->layer);
	layer->cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	layer->wall_ns += clock_ns(CLOCK_MONOTONIC) - wall;
	np_inference_end(inference, round);
}

int main(int argc, char **argv)
{
	static struct scripted layers[] = {{"compute", compute, 0, 0, 0},
					   {"sleep", sleep_a_while, 0, 0, 0},
					   {"ping_pong", ping_pong, 0, 0, 0},
					   {"contend", contend, 0, 0, 0}};
	enum { kLayers = sizeof layers / sizeof *layers };
	const uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10;
	const np_inference_t inference = np_inference_define("round", "scripted");
	pthread_t other;
	uint64_t round;
	pid_t child;
	int i;

	if (pipe(to_child) != 0 || pipe(from_child) != 0)
		return 1;
	child = fork();
	if (child == 0)
		answer();
	for (i = 0; i < kLayers; i++)
		layers[i].layer = np_layer_define(layers[i].name, "scripted", NULL);
	for (round = 0; round < rounds; round++)
		for (i = 0; i < kLayers - 1; i++)
			run_layer(&layers[i], inference, round);
	stay_on(sched_getcpu());
	atomic_store(&contending, 1);
	if (pthread_create(&other, NULL, contend_too, NULL) != 0) /* on the same CPU */
		return 1;
	for (round = 0; round < rounds; round++)
		run_layer(&layers[kLayers - 1], inference, round);
	atomic_store(&contending, 0);
	pthread_join(other, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (i = 0; i < kLayers; i++)
		printf("layer %s calls %llu wall_ns %llu cpu_ns %llu\n", layers[i].name, (unsigned long long)rounds,
		       (unsigned long long)layers[i].wall_ns, (unsigned long long)layers[i].cpu_ns);
	return 0;
}
