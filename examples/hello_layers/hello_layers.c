/* SPDX-License-Identifier: Apache-2.0 */
/* The C interface on one page: a made-up network of a dense and a spiking layer, asked a hundred times. */
#include <stdio.h>

#include <neuroperf/neuroperf.h>

enum { kInputs = 256, kNeurons = 64, kInferences = 100, kThreshold = 4000 };

static void multiply(int inference, int current[kNeurons])
{
	for (int n = 0; n < kNeurons; n++) {
		current[n] = 0;
		for (int i = 0; i < kInputs; i++)
			current[n] += (inference + i) % 7 * ((n * i) % 5);
	}
}

static unsigned fire(const int current[kNeurons], int potential[kNeurons])
{
	unsigned fired = 0;
	for (int n = 0; n < kNeurons; n++) {
		potential[n] += current[n];
		if (potential[n] >= kThreshold) {
			potential[n] -= kThreshold;
			fired++;
		}
	}
	return fired;
}

int main(void)
{
	const np_layer_facts dense_facts = {.neurons = kNeurons, .macs = kInputs * kNeurons};
	const np_layer_facts spiking_facts = {.neurons = kNeurons};
	const np_layer_t dense = np_layer_define("input", "dense", &dense_facts);
	const np_layer_t spiking = np_layer_define("output", "lif", &spiking_facts);
	const np_inference_t answer = np_inference_define("answer", "inference");
	const np_counter_t activity = np_counter_define("activity", "%");
	const np_mark_t warm = np_mark_define("warmed up");
	int current[kNeurons], potential[kNeurons] = {0};
	unsigned long total = 0;

	for (int inference = 0; inference < kInferences; inference++) {
		np_inference_begin(answer, (uint64_t)inference);
		np_layer_begin(dense);
		multiply(inference, current);
		np_layer_end(dense);

		np_layer_begin(spiking);
		const unsigned fired = fire(current, potential);
		np_spikes(spiking, fired);
		np_layer_end(spiking);
		np_inference_end(answer, (uint64_t)inference);

		np_counter(activity, 100.0 * fired / kNeurons);
		if (inference == 9)
			np_mark(warm);
		total += fired;
	}
	printf("inferences %d spikes %lu%s\n", kInferences, total, np_recording() ? " (recorded)" : "");
	return 0;
}
