/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <neuroperf/neuroperf.h>

int main(void)
{
	const np_layer_t layer = np_layer_define("only", "lif", NULL);
	np_layer_begin(layer);
	np_spikes(layer, 42);
	np_layer_end(layer);
	printf("recorded %d\n", np_recording());
	return 0;
}
