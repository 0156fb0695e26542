// SPDX-License-Identifier: Apache-2.0
// Loads libtiny_runtime.so late, and runs it; says what it did. usage: tiny_app LIBRARY STEPS
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (!library) {
		fprintf(stderr, "usage: tiny_app LIBRARY STEPS (%s)\n", dlerror());
		return 1;
	}
	void (*load)(void);
	int (*run)(int);
	*(void **)&load = dlsym(library, "tiny_load");
	*(void **)&run = dlsym(library, "tiny_run");
	const int steps = atoi(argv[2]);
	usleep(100 * 1000); // real runtimes take longer to load than a busy machine does to notice
	int thrown = 0;
	load();
	for (int i = 0; i < steps; i++) {
		thrown += run(i);
		if (i == 0)
			usleep(100 * 1000); // the callers of its layers are known from now on
	}
	printf("steps %d thrown %d spikes %d\n", steps, thrown, steps * (steps - 1) / 2);
	return 0;
}
