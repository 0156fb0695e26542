// SPDX-License-Identifier: Apache-2.0
// A runtime with a function that is called for the first time after 0.6 s of 2.5.
// usage: late_runtime
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static volatile int sink;

__attribute__((noinline)) void late_always(int number)
{
	for (int i = 0; i < 10; i++)
		sink = sink + number;
}

__attribute__((noinline)) void late_second(int number)
{
	for (int i = 0; i < 10; i++)
		sink = sink - number;
}

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int main(void)
{
	const uint64_t begin = now_us();
	for (uint64_t now = begin; now < begin + 2500000; now = now_us()) {
		late_always(1);
		if (now > begin + 600000)
			late_second(1);
		while (now_us() < now + 5) {
		}
	}
	printf("%d\n", sink);
	return 0;
}
