// SPDX-License-Identifier: Apache-2.0
// A program that is a runtime itself, linked statically: its first call comes within microseconds of its start.
// usage: early_runtime
#include <stdio.h>

static volatile int sink;

__attribute__((noinline)) void early_step(int number)
{
	for (int i = 0; i < 10; i++)
		sink = sink + number;
}

__attribute__((noinline)) void early_run(int steps)
{
	for (int i = 0; i < steps; i++)
		early_step(i);
}

int main(void)
{
	early_run(100);
	printf("%d\n", sink);
	return 0;
}
