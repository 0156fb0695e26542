/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's tracepoint of the same shape as np_spikes: two integers. */
#undef TRACEPOINT_PROVIDER
#define TRACEPOINT_PROVIDER neuroperf_bench

#undef TRACEPOINT_INCLUDE
#define TRACEPOINT_INCLUDE "./lttng_provider.h"

#if !defined(NEUROPERF_BENCH_LTTNG_PROVIDER_H) || defined(TRACEPOINT_HEADER_MULTI_READ)
#define NEUROPERF_BENCH_LTTNG_PROVIDER_H

#include <lttng/tracepoint.h>
#include <stdint.h>

TRACEPOINT_EVENT(neuroperf_bench, spikes, TP_ARGS(uint32_t, layer, uint64_t, count),
		 TP_FIELDS(ctf_integer(uint32_t, layer, layer) ctf_integer(uint64_t, count, count)))

#endif

#include <lttng/tracepoint-event.h>
