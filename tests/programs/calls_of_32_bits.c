/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer that sleeps by a system call as 32-bit programs make it, on x86: calls_of_32_bits ROUNDS
 *
 * Its number, 162, is that of sync() elsewhere. Ends with 77 where the kernel has no such calls.
 */
#define _GNU_SOURCE
#include <neuroperf/neuroperf.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_32BIT /* not x86: see call() */
#define MAP_32BIT 0
#endif

enum { kNanosleep = 162, kWaitNs = 3000000, kMissing = 77 };

struct timespec_of_32_bits {
	int32_t seconds, nanoseconds;
};

static void no_such_calls(int signal)
{
	(void)signal;
	_exit(kMissing);
}

static long call(long number, const void *first)
{
#if defined(__x86_64__)
	long result;
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(0)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return result;
#else
	(void)number;
	(void)first;
	_exit(kMissing);
#endif
}

int main(int argc, char **argv)
{
	const long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	const np_layer_t layer = np_layer_define("sleep", "32 bits", NULL);
	struct timespec_of_32_bits *pause =
		mmap(NULL, sizeof *pause, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long i;
	signal(SIGSEGV, no_such_calls);
	if (pause == MAP_FAILED)
		return 1;
	pause->nanoseconds = kWaitNs;
	for (i = 0; i < rounds; i++) {
		np_layer_begin(layer);
		if (call(kNanosleep, pause) != 0)
			return kMissing;
		np_layer_end(layer);
	}
	return 0;
}
