/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs for devices that any machine has: device_calls ROUNDS
 *
 * /dev/null knows none of these ioctls, and says so; what a driver's own would have looks the same from outside. In
 * each round: submit job 100 + round on core round % 2, sleep 2 ms, wait for it, which says that it ran for 1.5 ms; the
 * first one failed. A pseudo-terminal answers: unlock, sleep 1 ms, ask for its number; write a byte, sleep 1 ms, and
 * read it, as the terminal echoes it.
 *
 * Says of each job when it called first and when the last call was over: DEVICE BEGIN_NS END_NS CORE
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/ioctl.h>
#include <neuroperf/neuroperf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "thread_clocks.h"

struct job {
	uint32_t handle, flags;
};

struct submit {
	uint32_t core, count;
	uint64_t jobs; /* pointer to struct job */
};

struct wait {
	uint64_t handle;
	int64_t ran_ns;
	uint32_t status, padding;
};

#define SUBMIT _IOW('N', 1, struct submit)
#define WAIT _IOWR('N', 2, struct wait)

static void wait_ms(long ms)
{
	usleep((useconds_t)ms * 1000);
}

int main(int argc, char **argv)
{
	const long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC),
		  terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlocked = 0, number = 0;
	char echoed = 'x';
	if (rounds <= 0 || null < 0 || terminal < 0)
		return 2;
	ioctl(null, SUBMIT, (void *)8); /* nothing is there */
	const uint32_t inference = np_inference_define("request", "inference");
	for (long round = 0; round < rounds; round++) {
		struct job job = {.handle = (uint32_t)(100 + round), .flags = 0};
		struct submit submit = {.core = (uint32_t)round % 2, .count = 1, .jobs = (uintptr_t)&job};
		struct wait wait = {.handle = job.handle, .ran_ns = 1500000, .status = round == 0};
		np_inference_begin(inference, (uint64_t)round);
		uint64_t begin = clock_ns(CLOCK_MONOTONIC);
		ioctl(null, SUBMIT, &submit);
		wait_ms(2);
		ioctl(null, WAIT, &wait);
		np_inference_end(inference, (uint64_t)round);
		printf("null %ju %ju %u\n", (uintmax_t)begin, (uintmax_t)clock_ns(CLOCK_MONOTONIC), submit.core);

		begin = clock_ns(CLOCK_MONOTONIC);
		ioctl(terminal, TIOCSPTLCK, &unlocked);
		wait_ms(1);
		number = (int)round + 7; /* the answer goes over it */
		ioctl(terminal, TIOCGPTN, &number);
		printf("terminal %ju %ju %d\n", (uintmax_t)begin, (uintmax_t)clock_ns(CLOCK_MONOTONIC), number);

		begin = clock_ns(CLOCK_MONOTONIC);
		if (write(terminal, &echoed, 1) != 1)
			return 1;
		wait_ms(1);
		if (read(terminal, &echoed, 1) != 1)
			return 1;
		printf("echo %ju %ju 0\n", (uintmax_t)begin, (uintmax_t)clock_ns(CLOCK_MONOTONIC));
	}
	return 0;
}
