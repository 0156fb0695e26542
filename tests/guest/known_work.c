/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two instrumented layers whose work is known to the instruction: known_work [CALLS [PAUSES [wait]]]
 *
 * Call i of "heavy" counts a loop of two instructions 60,000 times, of "light" 20,000 times, and fires i % 4 times.
 * Before that: with "wait" it waits until a recorder attaches, then come the pauses, a system call and a sleep each.
 * Says what it did: the layers as in tests/programs/counted_layer.h, and the instructions of the loops; calls of
 * getppid and how often it gave up the CPU from the first to the last of them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../programs/counted_layer.h"

enum { kHeavyRounds = 60000, kLightRounds = 20000, kInstructionsOfRound = 2, kDefaultCalls = 300 };

/* The register is counted down to 0: one subtraction and one branch a round, whatever the compiler. */
static inline __attribute__((always_inline)) void count_down(unsigned long rounds)
{
#if defined(__x86_64__)
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
#elif defined(__aarch64__)
	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(rounds) : : "cc");
#else
#error "count_down: no loop for this architecture"
#endif
}

static __attribute__((noinline)) void heavy_loop(void)
{
	count_down(kHeavyRounds);
}

static __attribute__((noinline)) void light_loop(void)
{
	count_down(kLightRounds);
}

static void call_layer(struct counted_layer *layer, void (*work)(void))
{
	const uint64_t fired = layer->calls % 4;
	np_layer_begin(layer->id);
	work();
	np_spikes(layer->id, fired);
	np_layer_end(layer->id);
	layer->calls++;
	layer->spikes += fired;
}

static long voluntary_switches(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

static void take_pauses(unsigned long pauses)
{
	unsigned long i;
	long switches;

	getppid();
	switches = -voluntary_switches();
	for (i = 0; i < pauses; i++) {
		getppid();
		usleep(1000);
	}
	switches += voluntary_switches();
	getppid();
	printf("getppid %lu\nswitches %ld\n", pauses + 2, switches);
}

int main(int argc, char **argv)
{
	const unsigned long calls = argc > 1 ? strtoul(argv[1], NULL, 10) : kDefaultCalls;
	struct counted_layer heavy = counted_layer_define("heavy");
	struct counted_layer light = counted_layer_define("light");
	unsigned long i;

	while (argc > 3 && strcmp(argv[3], "wait") == 0 && !np_recording())
		usleep(1000);
	if (argc > 2 && strtoul(argv[2], NULL, 10) > 0)
		take_pauses(strtoul(argv[2], NULL, 10));
	for (i = 0; i < calls; i++) {
		call_layer(&heavy, heavy_loop);
		call_layer(&light, light_loop);
	}
	print_layer(heavy.name, (long)getpid(), heavy.calls, heavy.spikes);
	print_layer(light.name, (long)getpid(), light.calls, light.spikes);
	printf("instructions %lu\n", calls * (kHeavyRounds + kLightRounds) * kInstructionsOfRound);
	return 0;
}
