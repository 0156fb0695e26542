// SPDX-License-Identifier: Apache-2.0
// A runtime whose operators call each other: nest_outer works a little and calls nest_inner, which does next to
// nothing, many times. What probes in nest_inner cost is far more than what it does.
#include <stddef.h>
#include <stdint.h>

enum { kInnerCalls = 20, kCacheLine = 64 };

int nest_work = 4000; // of a call of nest_outer, in multiplications
char *nest_memory;    // that is written to before each call of nest_inner
size_t nest_memory_bytes;

volatile uint64_t nest_result;

static uint64_t same(uint64_t value)
{
	return value;
}

uint64_t (*volatile nest_same)(uint64_t) = same;

// Keeps `value` over a call, so that it begins by a push: what the kernel emulates under a probe.
__attribute__((noinline)) void nest_inner(uint64_t value)
{
	nest_result = nest_same(value) + value;
}

void (*volatile nest_called)(uint64_t) = nest_inner;

__attribute__((noinline)) void nest_outer(uint64_t value)
{
	const int work = nest_work / kInnerCalls;
	for (int call = 0; call < kInnerCalls; call++) {
		for (int i = 0; i < work; i++)
			value = value * 6364136223846793005u + 1; // each needs the one before
		for (size_t at = 0; at < nest_memory_bytes; at += kCacheLine)
			nest_memory[at]++;
		nest_called(value);
	}
}
