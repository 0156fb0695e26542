/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library that emits. Compiled several times, as C and as C++: LIBRARY_LAYER is the layer of its own; "common"
 * is defined in the same words by all of them and by the program. */
#include "counted_layer.h"

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((visibility("default"))) void library_run(uint64_t calls)
{
	struct counted_layer own = counted_layer_define(LIBRARY_LAYER);
	struct counted_layer common = counted_layer_define("common");
	uint64_t i;
	for (i = 0; i < calls; i++) {
		np_layer_begin(common.id);
		counted_layer_run(&own, 1);
		np_layer_end(common.id);
	}
}

#ifdef __cplusplus
}
#endif
