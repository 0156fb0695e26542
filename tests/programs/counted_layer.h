/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the test programs share: a layer that counts its own calls, and the line by which the tests learn the truth:
 *
 *     layer NAME pid PID calls N spikes M
 *
 * A counted layer belongs to one thread.
 */
#ifndef COUNTED_LAYER_H
#define COUNTED_LAYER_H

#include <stdint.h>
#include <stdio.h>

#include <neuroperf/neuroperf.h>

struct counted_layer {
	const char *name;
	np_layer_t id;
	uint64_t calls;
	uint64_t spikes;
};

static inline struct counted_layer counted_layer_define(const char *name)
{
	struct counted_layer layer = {name, 0, 0, 0};
	layer.id = np_layer_define(name, "lif", (const np_layer_facts *)0);
	return layer;
}

/* `calls` calls, call i of which fires i % 4 times. */
static inline void counted_layer_run(struct counted_layer *layer, uint64_t calls)
{
	uint64_t i;
	for (i = 0; i < calls; i++) {
		np_layer_begin(layer->id);
		np_spikes(layer->id, i % 4);
		np_layer_end(layer->id);
		layer->calls++;
		layer->spikes += i % 4;
	}
}

static inline void print_layer(const char *name, long pid, uint64_t calls, uint64_t spikes)
{
	printf("layer %s pid %ld calls %llu spikes %llu\n", name, pid, (unsigned long long)calls,
	       (unsigned long long)spikes);
	fflush(stdout);
}

#endif
