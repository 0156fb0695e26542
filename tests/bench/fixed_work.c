/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same work each time, with frame pointers, and what it cost: what recording adds to a program shows in that.
 *
 *     fixed_work compute N     N rounds of recursive arithmetic, 40 frames deep
 *     fixed_work calls N       N system calls (getppid)
 *     fixed_work paths N       N system calls with a path (faccessat)
 *     fixed_work yields N      N system calls that ask the scheduler (sched_yield)
 *     fixed_work ioctls N      N ioctls of the null device, which knows none of them
 *     fixed_work threads N     N threads that wait; prints "ready", ends when its input does
 *
 * Prints "cpu_ns NANOSECONDS": user and system time of the process.
 */
#include <fcntl.h>
#include <linux/ioctl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile uint64_t sink;

__attribute__((noinline)) static uint64_t step(uint64_t value, int depth)
{
	int i;
	for (i = 0; i < 8; i++)
		value = value * 6364136223846793005u + 1442695040888963407u;
	if (depth > 0)
		value ^= step(value >> 1, depth - 1);
	return value + (uint64_t)depth;
}

static uint64_t cpu_ns(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

static void *wait_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void threads(long count)
{
	pthread_attr_t attributes;
	pthread_t thread;
	char byte;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	while (--count > 0)
		pthread_create(&thread, &attributes, wait_for_ever, NULL);
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0) {
	}
}

static void ioctls(long count)
{
	uint64_t argument[3] = {0, 0, 0};
	const int null = open("/dev/null", O_RDWR);
	for (; (long)argument[0] < count; argument[0]++)
		ioctl(null, _IOWR('N', 2, argument), argument);
}

int main(int argc, char **argv)
{
	long i, count = argc > 2 ? atol(argv[2]) : 0;
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "compute") == 0)
		for (i = 0; i < count; i++)
			sink = step(sink, 40);
	else if (strcmp(what, "calls") == 0)
		for (i = 0; i < count; i++)
			syscall(SYS_getppid);
	else if (strcmp(what, "paths") == 0)
		for (i = 0; i < count; i++)
			syscall(SYS_faccessat, AT_FDCWD, "/dev", F_OK);
	else if (strcmp(what, "yields") == 0)
		for (i = 0; i < count; i++)
			syscall(SYS_sched_yield);
	else if (strcmp(what, "ioctls") == 0)
		ioctls(count);
	else if (strcmp(what, "threads") == 0)
		threads(count);
	else
		return 2;
	printf("cpu_ns %llu\n", (unsigned long long)cpu_ns());
	return 0;
}
