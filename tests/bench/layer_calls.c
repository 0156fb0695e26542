/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a few layers in a loop: input for the report benchmarks.
 *
 *     layer_calls CALLS
 *
 * Built with the instrumentation header it makes two events a call for neuroperf; built with -pg and NEUROPERF_DISABLE
 * the same calls make two records each for uftrace.
 */
#include <neuroperf/neuroperf.h>

#include <stdlib.h>

#define LAYERS 8

static volatile unsigned long work;

__attribute__((noinline)) static void run_layer(np_layer_t layer)
{
	np_layer_begin(layer);
	for (int i = 0; i < 800; i++)
		work += (unsigned long)i;
	np_layer_end(layer);
}

int main(int argc, char **argv)
{
	static const char *const names[LAYERS] = {"conv1", "conv2", "conv3", "conv4", "fc1", "fc2", "fc3", "fc4"};
	const long calls = argc > 1 ? atol(argv[1]) : 1000;
	np_layer_t layers[LAYERS];
	for (int i = 0; i < LAYERS; i++)
		layers[i] = np_layer_define(names[i], "bench", NULL);
	for (long i = 0; i < calls; i++)
		run_layer(layers[i % LAYERS]);
	return 0;
}
