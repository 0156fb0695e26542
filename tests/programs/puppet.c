/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instrumented program on strings: does what the lines of its standard input say, and answers each with one line.
 *
 *     run LAYER CALLS THREADS   that many threads make the calls                  -> ran
 *     hold LAYER CALLS THREADS  the same, but the threads wait, inside, ...       -> held
 *     release                   ... for this, and are over then                  -> released
 *     load LIBRARY              RTLD_LOCAL                                        -> loaded
 *     call CALLS                of the library's layer, and of "common" around it -> called
 *     unload                                                                      -> unloaded
 *     hits N                    events from a function with much in its frame     -> hits corrupted K ns CPU
 *     fork CALLS                a child makes calls of the layer "child"          -> child STATUS listeners N
 *     become                    a child goes on; this process only waits for it   -> ready PID OF THE CHILD
 *     leave                     a child goes on, and this process ends            -> ready PID OF THE CHILD
 *     exec [PROGRAM]            starts itself anew, or another puppet             -> ready PID
 *     site                      what its probe looks like                         -> site BYTES listeners N recording R
 *     quit                                                                        -> bye
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counted_layer.h"

#define MOST_THREADS 64

typedef void run_function(uint64_t calls);

struct work {
	const char *layer;
	uint64_t calls;
	pthread_barrier_t *barrier; /* 0: do not wait */
};

static pthread_t threads[MOST_THREADS];
static unsigned thread_count;
static struct work work;
static pthread_barrier_t held;
static char layer_name[64];
static void *library;

static void *run_thread(void *unused)
{
	struct counted_layer layer = counted_layer_define(work.layer);
	(void)unused;
	if (work.barrier) {
		pthread_barrier_wait(work.barrier); /* all are there */
		pthread_barrier_wait(work.barrier); /* released */
	}
	counted_layer_run(&layer, work.calls);
	return 0;
}

static void start_threads(uint64_t calls, unsigned count, pthread_barrier_t *barrier)
{
	work.layer = layer_name;
	work.calls = calls;
	work.barrier = barrier;
	for (thread_count = 0; thread_count < count && thread_count < MOST_THREADS; thread_count++)
		if (pthread_create(&threads[thread_count], 0, run_thread, 0) != 0)
			abort();
}

static void join_threads(void)
{
	unsigned i;
	for (i = 0; i < thread_count; i++)
		pthread_join(threads[i], 0);
	thread_count = 0;
}

static void call_library(uint64_t calls)
{
	run_function *run;
	*(void **)&run = library ? dlsym(library, "library_run") : 0;
	if (!run)
		abort();
	run(calls);
}

/* Values in a small frame and in registers that a careless probe would overwrite. */
__attribute__((noinline)) static unsigned check_values(np_layer_t layer, uint64_t i)
{
	volatile uint64_t values[14];
	uint64_t sum = i, expected = i;
	unsigned k;
	for (k = 0; k < 14; k++)
		values[k] = i * 31 + k;
	np_spikes(layer, 1);
	for (k = 0; k < 14; k++) {
		sum += values[k];
		expected += i * 31 + k;
	}
	return sum != expected;
}

static void make_hits(uint64_t hits)
{
	const np_layer_t layer = np_layer_define("hits", "lif", (const np_layer_facts *)0);
	struct timespec begin, end;
	unsigned corrupted = 0;
	uint64_t i;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin); /* others may have the CPU too */
	for (i = 0; i < hits; i++)
		corrupted += check_values(layer, i);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	printf("hits corrupted %u ns %.1f\n", corrupted,
	       ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / (double)hits);
}

static void fork_child(uint64_t calls)
{
	int status = -1;
	const pid_t child = fork();
	if (child == 0) {
		struct counted_layer layer = counted_layer_define("child");
		counted_layer_run(&layer, calls);
		_exit(np__probe.listeners.by.usdt);
	}
	waitpid(child, &status, 0);
	printf("child %d listeners %d\n", WIFEXITED(status) ? 0 : status, WEXITSTATUS(status));
}

static void become_child(int wait)
{
	const pid_t child = fork();
	if (child != 0) {
		if (wait)
			waitpid(child, 0, 0);
		_exit(0);
	}
	printf("ready %ld\n", (long)getpid());
}

static void show_site(void)
{
	/* Volatile: the bytes change behind the compiler's back. */
	const volatile unsigned char *bytes;
	void (*const function)(uint32_t, uint32_t, uint64_t) = np__usdt_event;
	unsigned i;
	memcpy(&bytes, &function, sizeof bytes);
	printf("site ");
	for (i = 0; i < 7; i++)
		printf("%02x", bytes[i]);
	printf(" listeners %u recording %d\n", np__probe.listeners.by.usdt, np_recording());
}

static int obey(char *line, char **argv)
{
	char word[16] = "", text[400] = "";
	unsigned long long calls = 0;
	unsigned count = 0;
	sscanf(line, "%15s %399s %llu %u", word, text, &calls, &count);
	if (!strcmp(word, "run") || !strcmp(word, "hold")) {
		snprintf(layer_name, sizeof layer_name, "%.63s", text);
		if (word[0] == 'h') {
			pthread_barrier_init(&held, 0, count + 1);
			start_threads(calls, count, &held);
			pthread_barrier_wait(&held);
		} else {
			start_threads(calls, count, 0);
			join_threads();
		}
		puts(word[0] == 'h' ? "held" : "ran");
	} else if (!strcmp(word, "release")) {
		pthread_barrier_wait(&held);
		join_threads();
		pthread_barrier_destroy(&held);
		puts("released");
	} else if (!strcmp(word, "load")) {
		library = dlopen(text, RTLD_NOW | RTLD_LOCAL);
		puts(library ? "loaded" : dlerror());
	} else if (!strcmp(word, "call")) {
		call_library(strtoull(text, 0, 10));
		puts("called");
	} else if (!strcmp(word, "unload")) {
		dlclose(library);
		library = 0;
		puts("unloaded");
	} else if (!strcmp(word, "hits")) {
		make_hits(strtoull(text, 0, 10));
	} else if (!strcmp(word, "fork")) {
		fork_child(strtoull(text, 0, 10));
	} else if (!strcmp(word, "become") || !strcmp(word, "leave")) {
		become_child(word[0] == 'b');
	} else if (!strcmp(word, "exec")) {
		execv(text[0] ? text : "/proc/self/exe", argv);
	} else if (!strcmp(word, "site")) {
		show_site();
	} else {
		return 0;
	}
	fflush(stdout);
	return 1;
}

int main(int argc, char **argv)
{
	char line[512];
	(void)argc;
	setvbuf(stdin, 0, _IONBF, 0); /* what is not read yet stays in the pipe across exec */
	counted_layer_define("before");
	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) && obey(line, argv)) {
	}
	puts("bye");
	return 0;
}
