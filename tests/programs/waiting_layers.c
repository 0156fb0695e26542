/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers that wait, each for something else: waiting_layers ROUNDS FILE
 *
 *	sleep, timeout, poll_nothing   time              pipe       another process, which is on a CPU a while
 *	worker_burns                   a thread of ours, on a CPU     worker_sleeps  the same, which sleeps
 *	fsync                          the disk          faults     pages of FILE that are not in memory
 *	terminal                       a terminal        touch      nothing: it touches fresh memory
 *
 * Says for each what its thread's own clocks show, and what else is known of it:
 *
 *	layer NAME calls N wall_ns WALL cpu_ns CPU helper_cpu_ns HELPER major_faults FAULTS
 */
#define _GNU_SOURCE
#include <neuroperf/neuroperf.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thread_clocks.h"

enum { kPage = 4096, kPages = 256, kFreshPages = 8192, kWaitMs = 3 };

struct waiting {
	const char *name;
	void (*prepare)(void); /* outside of the layer */
	void (*run)(void);
	np_layer_t layer;
	uint64_t wall_ns, cpu_ns, helper_ns, faults;
};

enum job { kNone, kBurn, kSleep };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static enum job job;
static uint64_t helper_ns;
static int to_child[2], from_child[2], file, terminal;
static volatile char *pages, *fresh;

static void sleep_ms(void)
{
	const struct timespec pause = {0, kWaitMs * 1000000};
	nanosleep(&pause, NULL);
}

static void nothing(void) {}

static void timeout(void)
{
	struct timespec until;
	pthread_mutex_lock(&mutex);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += kWaitMs * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (pthread_cond_timedwait(&done, &mutex, &until) == 0)
		;
	pthread_mutex_unlock(&mutex);
}

static void poll_nothing(void)
{
	poll(NULL, 0, kWaitMs);
}

static void poll_terminal(void)
{
	struct pollfd one = {terminal, POLLIN, 0};
	poll(&one, 1, kWaitMs);
}

static void pipe_to_child(void)
{
	char byte = 0;
	if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
		exit(1);
}

static void answer(void)
{
	char byte;
	close(to_child[1]); /* so that this ends with its parent */
	while (read(to_child[0], &byte, 1) == 1) {
		burn(kWaitMs * 1000000);
		if (write(from_child[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

/* Does one job after the other; its time is its own. */
static void *work(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&mutex);
	for (;;) {
		uint64_t begin;
		while (job == kNone)
			pthread_cond_wait(&wanted, &mutex);
		begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		pthread_mutex_unlock(&mutex);
		if (job == kBurn)
			burn(kWaitMs * 1000000);
		else
			sleep_ms();
		pthread_mutex_lock(&mutex);
		helper_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
		job = kNone;
		pthread_cond_signal(&done);
	}
	return NULL;
}

static void hand_over(enum job what)
{
	pthread_mutex_lock(&mutex);
	job = what;
	pthread_cond_signal(&wanted);
	while (job != kNone)
		pthread_cond_wait(&done, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void worker_burns(void)
{
	hand_over(kBurn);
}

static void worker_sleeps(void)
{
	hand_over(kSleep);
}

static void write_pages(void)
{
	static char page[kPage];
	int i;
	for (i = 0; i < kPages; i++)
		if (pwrite(file, page, kPage, (off_t)i * kPage) != kPage)
			exit(1);
}

static void sync_file(void)
{
	fsync(file);
}

static void forget_pages(void)
{
	if (pages)
		munmap((void *)pages, kPages * kPage);
	fsync(file);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	pages = mmap(NULL, kPages * kPage, PROT_READ, MAP_PRIVATE, file, 0);
	if (pages == MAP_FAILED)
		exit(1);
	madvise((void *)pages, kPages * kPage, MADV_RANDOM); /* one page a fault */
}

static void touch_pages(void)
{
	int i;
	for (i = 0; i < kPages; i += 8)
		(void)pages[i * kPage];
}

static void forget_fresh(void)
{
	if (fresh)
		munmap((void *)fresh, kFreshPages * kPage);
	fresh = mmap(NULL, kFreshPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		exit(1);
	madvise((void *)fresh, kFreshPages * kPage, MADV_NOHUGEPAGE);
}

static void touch_fresh(void)
{
	int i;
	for (i = 0; i < kFreshPages; i++)
		fresh[i * kPage] = 1;
}

static uint64_t major_faults(void)
{
	struct rusage usage;
	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_majflt;
}

static void run_layer(struct waiting *layer, np_inference_t inference, uint64_t round)
{
	uint64_t wall, cpu, helper, faults;
	layer->prepare();
	np_inference_begin(inference, round);
	helper = helper_ns;
	faults = major_faults();
	wall = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	np_layer_begin(layer->layer);
	layer->run();
	np_layer_end(layer->layer);
	layer->cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	layer->wall_ns += clock_ns(CLOCK_MONOTONIC) - wall;
	layer->helper_ns += helper_ns - helper;
	layer->faults += major_faults() - faults;
	np_inference_end(inference, round);
}

int main(int argc, char **argv)
{
	static struct waiting layers[] = {
		{"sleep", nothing, sleep_ms, 0, 0, 0, 0, 0},
		{"timeout", nothing, timeout, 0, 0, 0, 0, 0},
		{"poll_nothing", nothing, poll_nothing, 0, 0, 0, 0, 0},
		{"pipe", nothing, pipe_to_child, 0, 0, 0, 0, 0},
		{"worker_burns", nothing, worker_burns, 0, 0, 0, 0, 0},
		{"worker_sleeps", nothing, worker_sleeps, 0, 0, 0, 0, 0},
		{"fsync", write_pages, sync_file, 0, 0, 0, 0, 0},
		{"faults", forget_pages, touch_pages, 0, 0, 0, 0, 0},
		{"terminal", nothing, poll_terminal, 0, 0, 0, 0, 0},
		{"touch", forget_fresh, touch_fresh, 0, 0, 0, 0, 0},
	};
	enum { kLayers = sizeof layers / sizeof *layers };
	const uint64_t rounds = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
	const np_inference_t inference = np_inference_define("round", "waiting");
	pthread_t worker;
	uint64_t round;
	pid_t child;
	int i;

	file = argc == 3 ? open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600) : -1;
	terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (rounds == 0 || file < 0 || terminal < 0 || pipe(to_child) != 0 || pipe(from_child) != 0) {
		fprintf(stderr, "usage: waiting_layers ROUNDS FILE\n");
		return 1;
	}
	child = fork();
	if (child == 0)
		answer();
	if (pthread_create(&worker, NULL, work, NULL) != 0)
		return 1;
	write_pages();
	for (i = 0; i < kLayers; i++)
		layers[i].layer = np_layer_define(layers[i].name, "waiting", NULL);
	for (round = 0; round < rounds; round++)
		for (i = 0; i < kLayers; i++)
			run_layer(&layers[i], inference, round);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (i = 0; i < kLayers; i++)
		printf("layer %s calls %llu wall_ns %llu cpu_ns %llu helper_cpu_ns %llu major_faults %llu\n",
		       layers[i].name, (unsigned long long)rounds, (unsigned long long)layers[i].wall_ns,
		       (unsigned long long)layers[i].cpu_ns, (unsigned long long)layers[i].helper_ns,
		       (unsigned long long)layers[i].faults);
	return 0;
}
