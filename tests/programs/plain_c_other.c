/* SPDX-License-Identifier: Apache-2.0 */
#include "plain_c_other.h"

#include "counted_layer.h"

static uint64_t spikes;

void run_other_unit(uint64_t calls)
{
	struct counted_layer elsewhere = counted_layer_define("elsewhere");
	counted_layer_run(&elsewhere, calls);
	spikes += elsewhere.spikes;
}

uint64_t other_unit_spikes(void)
{
	return spikes;
}
