/* SPDX-License-Identifier: Apache-2.0 */
/* Strict C11 in two translation units: plain_c.c and plain_c_other.c. Usage: plain_c [calls]; the events go half to
 * each. Also the program for "nobody records" and for hostile environments: it says the same whatever NEUROPERF_SHM
 * holds. */
#include <stdlib.h>

#include "counted_layer.h"
#include "plain_c_other.h"

int main(int argc, char **argv)
{
	const uint64_t calls = argc > 1 ? strtoull(argv[1], 0, 10) : 1000;
	struct counted_layer here = counted_layer_define("here");
	counted_layer_run(&here, calls);
	run_other_unit(calls);
	print_layer("here", 0, here.calls, here.spikes);
	print_layer("elsewhere", 0, calls, other_unit_spikes());
	return 0;
}
