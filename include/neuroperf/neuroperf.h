/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neuroperf instrumentation: tell the profiler what your network is doing.
 *
 *     #include <neuroperf/neuroperf.h>
 *
 *     np_layer_t hidden = np_layer_define("hidden", "lif", &(np_layer_facts){ .neurons = 128, .macs = 8192 });
 *     np_layer_begin(hidden);
 *     ... compute ...
 *     np_spikes(hidden, fired);
 *     np_layer_end(hidden);
 *
 * C11 and C++17 (GCC or Clang on Linux; elsewhere every call is empty), header only, nothing to link. Run the program
 * as ever: each call is then a test and a branch. Run it with `neuroperf record ./program` and every call writes 24
 * bytes into memory shared with the recorder, without a system call or a lock. Attach to it while it runs, and every
 * call goes through a USDT probe (attach.h).
 *
 * Safe to leave in: any thread, any number of objects and shared libraries, fork, exec, threads that come and go.
 * A full ring counts a loss and never blocks. An event from a signal handler that interrupts another event of the same
 * thread is counted as lost. When the recorder has ended or died, events switch themselves off once a ring is full.
 *
 * How it works: the recorder hands over a memfd (see shared_memory.h). Each shared object maps it by itself; a thread's
 * ring is found there by process and thread id, so that all objects of a process share one ring per thread whatever
 * their symbol visibility. A word on a page that the kernel clears in a forked child (MADV_WIPEONFORK) makes the child
 * claim rings of its own.
 *
 * NEUROPERF_DISABLE compiles everything away.
 */
#ifndef NEUROPERF_H
#define NEUROPERF_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Handles: number of a definition (with the top bit set where there is no recorder's memory), 0 = nothing defined
 * (events with it are still counted by the recorder as unnamed). */
typedef uint32_t np_layer_t;
typedef uint32_t np_inference_t;
typedef uint32_t np_counter_t;
typedef uint32_t np_mark_t;

/* What is known of a layer before it runs. All optional: 0 means not told, and the report shows no figure. */
typedef struct np_layer_facts {
	uint64_t neurons;    /* neurons whose state one call updates */
	uint64_t synapses;   /* connections into the layer */
	uint64_t macs;       /* multiply-accumulates of one call, dense */
	uint64_t parameters; /* trained values */
} np_layer_facts;

#if defined(__linux__) && defined(__GNUC__) && !defined(NEUROPERF_DISABLE)
#define NP__ENABLED 1
#else
#define NP__ENABLED 0
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#if NP__ENABLED
#include <neuroperf/detail/emit.h>
#else
#define NP__EMIT(type, id, value) ((void)(id), (void)(value))
#define NP__DEFINE(what, name, kind, facts) ((void)(name), (void)(kind), (void)(facts), 0u)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Definitions. Call them once and keep the handle; the same name, kind and facts give the same handle again. Names are
 * UTF-8, cut at 143 bytes, kinds at 47. Not for hot paths: a definition walks a hash table.
 */
static inline np_layer_t np_layer_define(const char *name, const char *kind, const np_layer_facts *facts)
{
	return NP__DEFINE(NP_DEFINES_LAYER, name, kind, facts);
}

/* `kind` says what one inference is: "inference", "time step", "batch". */
static inline np_inference_t np_inference_define(const char *name, const char *kind)
{
	return NP__DEFINE(NP_DEFINES_INFERENCE, name, kind, (const np_layer_facts *)0);
}

static inline np_counter_t np_counter_define(const char *name, const char *unit)
{
	return NP__DEFINE(NP_DEFINES_COUNTER, name, unit, (const np_layer_facts *)0);
}

static inline np_mark_t np_mark_define(const char *name)
{
	return NP__DEFINE(NP_DEFINES_MARK, name, "mark", (const np_layer_facts *)0);
}

/* A layer's call: begin and end on the same thread, properly nested. */
static inline void np_layer_begin(np_layer_t layer)
{
	NP__EMIT(NP_EVENT_LAYER_BEGIN, layer, 0);
}

static inline void np_layer_end(np_layer_t layer)
{
	NP__EMIT(NP_EVENT_LAYER_END, layer, 0);
}

/* `n` neurons of the layer fired. Any place and thread will do; call it once per step, not once per neuron. */
static inline void np_spikes(np_layer_t layer, uint64_t n)
{
	NP__EMIT(NP_EVENT_SPIKES, layer, n);
}

/* `n` synaptic events were delivered into the layer: one spike over one connection is one event. */
static inline void np_synops(np_layer_t layer, uint64_t n)
{
	NP__EMIT(NP_EVENT_SYNOPS, layer, n);
}

/* One inference or time step; `sequence` is the program's own number for it. Begin and end on the same thread, nested.
 */
static inline void np_inference_begin(np_inference_t inference, uint64_t sequence)
{
	NP__EMIT(NP_EVENT_INFERENCE_BEGIN, inference, sequence);
}

static inline void np_inference_end(np_inference_t inference, uint64_t sequence)
{
	NP__EMIT(NP_EVENT_INFERENCE_END, inference, sequence);
}

/* The counter has this value from now on. */
static inline void np_counter(np_counter_t counter, double value)
{
	union {
		double number;
		uint64_t bits;
	} as;
	as.number = value;
	NP__EMIT(NP_EVENT_COUNTER, counter, as.bits);
}

/* Something happened now. */
static inline void np_mark(np_mark_t mark)
{
	NP__EMIT(NP_EVENT_MARK, mark, 0);
}

/* 1 while this thread's events are being recorded. */
static inline int np_recording(void)
{
#if NP__ENABLED
	return np__is_recording();
#else
	return 0;
#endif
}

#ifdef __cplusplus
} /* extern "C" */

namespace neuroperf {

/* A layer, defined when constructed. Keep it as a static or a member. */
class Layer {
public:
	explicit Layer(const char *name, const char *kind = "layer", const np_layer_facts &facts = {})
		: id_(np_layer_define(name, kind, &facts))
	{
	}

	np_layer_t id() const { return id_; }
	void spikes(uint64_t n) const { np_spikes(id_, n); }
	void synops(uint64_t n) const { np_synops(id_, n); }

private:
	np_layer_t id_;
};

/* The time from construction to destruction is one call of the layer. */
class LayerScope {
public:
	explicit LayerScope(const Layer &layer) : id_(layer.id()) { np_layer_begin(id_); }
	explicit LayerScope(np_layer_t layer) : id_(layer) { np_layer_begin(id_); }
	~LayerScope() { np_layer_end(id_); }
	LayerScope(const LayerScope &) = delete;
	LayerScope &operator=(const LayerScope &) = delete;

private:
	np_layer_t id_;
};

/* What one inference is; InferenceScope is one of them. */
class Inference {
public:
	explicit Inference(const char *name, const char *kind = "inference") : id_(np_inference_define(name, kind)) {}
	np_inference_t id() const { return id_; }

private:
	np_inference_t id_;
};

class InferenceScope {
public:
	InferenceScope(const Inference &inference, uint64_t sequence) : id_(inference.id()), sequence_(sequence)
	{
		np_inference_begin(id_, sequence_);
	}
	~InferenceScope() { np_inference_end(id_, sequence_); }
	InferenceScope(const InferenceScope &) = delete;
	InferenceScope &operator=(const InferenceScope &) = delete;

private:
	np_inference_t id_;
	uint64_t sequence_;
};

} // namespace neuroperf
#endif /* __cplusplus */

#endif /* NEUROPERF_H */
