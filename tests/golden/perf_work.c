// SPDX-License-Identifier: Apache-2.0
// What make_perf_recordings.sh records: a parent and a child that work some milliseconds in nested functions, write and
// fault. No clock is read and nothing is linked in at run time, so that a recording tells only of this program.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned sink;

__attribute__((noinline)) static void inner(unsigned steps)
{
	for (unsigned i = 0; i < steps; i++)
		sink = sink * 1664525 + 1013904223;
}

__attribute__((noinline)) static void middle(unsigned steps)
{
	inner(steps / 2);
	inner(steps / 2);
	sink += 1;
}

__attribute__((noinline)) static void outer(unsigned depth, unsigned steps)
{
	if (depth > 0)
		outer(depth - 1, steps);
	else
		middle(steps);
	sink += depth;
}

int main(void)
{
	char *const memory = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	for (int i = 0; i < 1 << 16; i += 1 << 14)
		((volatile char *)memory)[i] = 1;
	const pid_t child = fork();
	outer(child == 0 ? 5 : 2, 20000000);
	if (write(1, "", 0) != 0)
		return 1;
	if (child == 0)
		_exit(0);
	return child > 0 && waitpid(child, 0, 0) == child ? 0 : 1;
}
