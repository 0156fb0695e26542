/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of vnpu: the life of a job, as docs/virtual-npu.md explains it.
 *
 * Every event of a job has the engine and the job's number, which is the key that joins them. The event of queueing is
 * written by the submitting task; the others by an interrupt, in whatever task that meets, so the start names the
 * submitter again.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vnpu

#if !defined(VNPU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VNPU_TRACE_H

#include <linux/tracepoint.h>

/* Until 6.9 the source had to be named twice. The Makefile looks which it is. */
#ifdef HAVE_ASSIGN_STR_OF_ONE
#define vnpu_assign_str(field, source) __assign_str(field)
#else
#define vnpu_assign_str(field, source) __assign_str(field, source)
#endif

/* clang-format off */

TRACE_EVENT(vnpu_job_queue,

	TP_PROTO(const char *engine, const struct vnpu_job *job, const char *state, u32 depth),

	TP_ARGS(engine, job, state, depth),

	TP_STRUCT__entry(
		__string(engine, engine)
		__field(u64, job)
		__field(u32, model)
		__field(u32, layers)
		__field(u32, depth)
		/*
		 * An address in the record: text from the kernel shows what is there, a file that was recorded does not.
		 * Here because drivers have such fields. Better: a number and __print_symbolic(), or __string().
		 */
		__field(const char *, state)
	),

	TP_fast_assign(
		vnpu_assign_str(engine, engine);
		__entry->job = job->number;
		__entry->model = job->model;
		__entry->layers = job->layers;
		__entry->depth = depth;
		__entry->state = state;
	),

	TP_printk("engine=%s job=%llu model=%u layers=%u depth=%u state=%s", __get_str(engine), __entry->job,
		  __entry->model, __entry->layers, __entry->depth, __entry->state)
);

TRACE_EVENT(vnpu_job_start,

	TP_PROTO(const char *engine, const struct vnpu_job *job),

	TP_ARGS(engine, job),

	TP_STRUCT__entry(
		__string(engine, engine)
		__field(u64, job)
		__field(pid_t, submitter)
	),

	TP_fast_assign(
		vnpu_assign_str(engine, engine);
		__entry->job = job->number;
		__entry->submitter = job->submitter;
	),

	TP_printk("engine=%s job=%llu submitter=%d", __get_str(engine), __entry->job, __entry->submitter)
);

TRACE_EVENT(vnpu_layer_done,

	TP_PROTO(const char *engine, const struct vnpu_job *job, u64 duration_ns),

	TP_ARGS(engine, job, duration_ns),

	TP_STRUCT__entry(
		__string(engine, engine)
		__field(u64, job)
		__field(u32, layer)
		__field(u32, spikes)
		__field(u64, duration_ns)
		__field(u64, bytes)
	),

	TP_fast_assign(
		vnpu_assign_str(engine, engine);
		__entry->job = job->number;
		__entry->layer = job->layer;
		__entry->spikes = VNPU_LAYER_SPIKES(job->model, job->layer);
		__entry->duration_ns = duration_ns;
		__entry->bytes = VNPU_LAYER_BYTES(job->layer);
	),

	TP_printk("engine=%s job=%llu layer=%u spikes=%u duration_ns=%llu bytes=%llu", __get_str(engine), __entry->job,
		  __entry->layer, __entry->spikes, __entry->duration_ns, __entry->bytes)
);

/* Of the engine, not of a job. */
TRACE_EVENT(vnpu_power,

	TP_PROTO(const char *engine, const char *state, u64 clock_hz),

	TP_ARGS(engine, state, clock_hz),

	TP_STRUCT__entry(
		__string(engine, engine)
		__string(state, state)
		__field(u64, clock_hz)
	),

	TP_fast_assign(
		vnpu_assign_str(engine, engine);
		vnpu_assign_str(state, state);
		__entry->clock_hz = clock_hz;
	),

	TP_printk("engine=%s state=%s clock_hz=%llu", __get_str(engine), __get_str(state), __entry->clock_hz)
);

TRACE_EVENT(vnpu_job_done,

	TP_PROTO(const char *engine, const struct vnpu_job *job),

	TP_ARGS(engine, job),

	TP_STRUCT__entry(
		__string(engine, engine)
		__field(u64, job)
		__field(int, status)
	),

	TP_fast_assign(
		vnpu_assign_str(engine, engine);
		__entry->job = job->number;
		__entry->status = job->status;
	),

	TP_printk("engine=%s job=%llu status=%d", __get_str(engine), __entry->job, __entry->status)
);

/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vnpu_trace
#include <trace/define_trace.h>
