// SPDX-License-Identifier: Apache-2.0
// Machine code made at run time, named for profilers in /tmp/perf-PID.map, as just-in-time compilers do:
//
//     shapes_jit MILLISECONDS
//
// Three functions, each calling the next with a frame pointer; the innermost loops.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// push rbp; mov rbp, rsp; call +N; pop rbp; ret
static const unsigned char caller[] = {0x55, 0x48, 0x89, 0xe5, 0xe8, 0, 0, 0, 0, 0x5d, 0xc3};
// push rbp; mov rbp, rsp; mov ecx, 100000; dec ecx; jnz -4; pop rbp; ret
static const unsigned char loop[] = {0x55, 0x48, 0x89, 0xe5, 0xb9, 0xa0, 0x86, 0x01,
				     0x00, 0xff, 0xc9, 0x75, 0xfc, 0x5d, 0xc3};

enum { kApart = 64 };

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	unsigned char *const code =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED)
		return 1;
	for (int i = 0; i < 2; i++) {
		unsigned char *const at = code + i * kApart;
		memcpy(at, caller, sizeof caller);
		const int32_t distance = kApart - 9; // from behind the call
		memcpy(at + 5, &distance, sizeof distance);
	}
	memcpy(code + 2 * kApart, loop, sizeof loop);

	char path[64];
	snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
	FILE *const map = fopen(path, "w");
	if (map == NULL)
		return 1;
	const char *const names[] = {"jit_outer", "jit middle with spaces", "jit_loop"};
	for (int i = 0; i < 3; i++)
		fprintf(map, "%" PRIxPTR " %x %s\n", (uintptr_t)(code + i * kApart), i < 2 ? 11 : 15, names[i]);
	fclose(map);

	void (*run)(void);
	*(void **)&run = code;
	const double end = now() + atof(argv[1]) / 1e3;
	while (now() < end)
		run();
	return 0;
}
