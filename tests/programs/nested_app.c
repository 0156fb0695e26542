// SPDX-License-Identifier: Apache-2.0
// Runs nested_runtime, and says for how long, by its own clock: the median of nest_outer's calls.
// usage: nested_app LIBRARY CALLS [WORK [MEGABYTES]]
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int by_size(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	void *library = argc >= 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
	const int calls = argc >= 3 ? atoi(argv[2]) : 0;
	uint64_t *took = calls > 0 ? calloc((size_t)calls, sizeof *took) : NULL;
	if (!library || !took) {
		fprintf(stderr, "usage: nested_app LIBRARY CALLS [WORK [MEGABYTES]] (%s)\n", dlerror());
		return 1;
	}
	void (*outer)(uint64_t);
	*(void **)&outer = dlsym(library, "nest_outer");
	if (argc > 3)
		*(int *)dlsym(library, "nest_work") = atoi(argv[3]);
	const size_t bytes = argc > 4 ? (size_t)atoi(argv[4]) << 20 : 0;
	char *const memory = bytes ? malloc(bytes) : NULL;
	if (memory) {
		*(char **)dlsym(library, "nest_memory") = memory;
		*(size_t *)dlsym(library, "nest_memory_bytes") = bytes;
	}
	usleep(100 * 1000); // as in tiny_app
	for (int i = 0; i < calls; i++) {
		const uint64_t begin = now_ns();
		outer((uint64_t)i);
		took[i] = now_ns() - begin;
		if (i == 0)
			usleep(100 * 1000); // the caller is known from now on
	}
	qsort(took, (size_t)calls, sizeof *took, by_size);
	printf("median %llu ns\n", (unsigned long long)took[calls / 2]);
	free(took);
	free(memory);
	return 0;
}
