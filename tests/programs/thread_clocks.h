/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the program and its threads, and time on a CPU of which they tell. */
#ifndef NEUROPERF_TESTS_THREAD_CLOCKS_H
#define NEUROPERF_TESTS_THREAD_CLOCKS_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline void burn(uint64_t ns)
{
	const uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

#endif
