/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled with NEUROPERF_DISABLE: every call must compile, and nothing of neuroperf may be left in the program. */
#include <stdio.h>

#include <neuroperf/neuroperf.h>

int main(void)
{
	const np_layer_facts facts = {1, 2, 3, 4};
	const np_layer_t layer = np_layer_define("layer", "lif", &facts);
	const np_inference_t inference = np_inference_define("inference", "batch");
	np_inference_begin(inference, 1);
	np_layer_begin(layer);
	np_spikes(layer, 3);
	np_synops(layer, 4);
	np_layer_end(layer);
	np_inference_end(inference, 1);
	np_counter(np_counter_define("counter", "%"), 1.5);
	np_mark(np_mark_define("mark"));
	printf("recording %d\n", np_recording());
	return 0;
}
