/* SPDX-License-Identifier: Apache-2.0 */
/* Usage: libraries LIBRARY THREADS CALLS. Every thread emits from the program, from a library it is linked with, and
 * from LIBRARY, loaded with RTLD_LOCAL. Link-time and loaded library have a function of the same name. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "counted_layer.h"

void library_run(uint64_t calls); /* the linked one */
typedef void run_function(uint64_t calls);

static run_function *loaded_run;
static uint64_t calls;

static void *run_thread(void *unused)
{
	struct counted_layer program = counted_layer_define("program");
	struct counted_layer common = counted_layer_define("common");
	uint64_t i;
	(void)unused;
	for (i = 0; i < calls; i++) {
		np_layer_begin(common.id);
		counted_layer_run(&program, 1);
		library_run(1);
		loaded_run(1);
		np_layer_end(common.id);
	}
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	void *library = argc > 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : 0;
	const unsigned count = argc > 3 ? (unsigned)atoi(argv[2]) : 0;
	unsigned i;
	*(void **)&loaded_run = library ? dlsym(library, "library_run") : 0;
	if (!loaded_run || loaded_run == library_run || count < 1 || count > 64) {
		fprintf(stderr, "usage: libraries LIBRARY THREADS CALLS (%s)\n", library ? "not loaded" : dlerror());
		return 2;
	}
	calls = strtoull(argv[3], 0, 10);
	for (i = 0; i < count; i++)
		if (pthread_create(&threads[i], 0, run_thread, 0) != 0)
			return 1;
	for (i = 0; i < count; i++)
		pthread_join(threads[i], 0);
	print_layer("program", getpid(), calls * count, 0);
	print_layer("linked", getpid(), calls * count, 0);
	print_layer("loaded", getpid(), calls * count, 0);
	print_layer("common", getpid(), 3 * calls * count, 0);
	return 0;
}
