/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/vnpu0, a virtual neuromorphic processor: what programs tell it.
 *
 * A job runs a model's layers one after the other on the one engine; jobs run in the order of submission. What the
 * device does depends on nothing but the job:
 *
 *	layer l (from 0) of model m	fires		100 (m + 1) + 10 l spikes
 *					computes	64 MACs for each spike
 *					moves		4096 (l + 1) bytes
 */
#ifndef VNPU_UAPI_H
#define VNPU_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VNPU_MOST_LAYERS 16
#define VNPU_MOST_MODELS 1000000
#define VNPU_LONGEST_LAYER_US 10000000

/* The engine's clock while it has a job, and while it has none. */
#define VNPU_ACTIVE_HZ 800000000ULL
#define VNPU_IDLE_HZ 100000000ULL

#define VNPU_LAYER_SPIKES(model, layer) (100 * ((model) + 1) + 10 * (layer))
#define VNPU_LAYER_MACS(model, layer) (64 * VNPU_LAYER_SPIKES(model, layer))
#define VNPU_LAYER_BYTES(layer) (4096 * ((layer) + 1))

/* The job ends with -EIO in place of its last layer's end: that layer counts nothing. */
#define VNPU_JOB_FAILS (1 << 0)
/* The job's first layer never ends. Closing the file that the job came by takes it off the engine. */
#define VNPU_JOB_HANGS (1 << 1)

struct vnpu_submit {
	__u32 model;    /* less than VNPU_MOST_MODELS */
	__u32 layers;   /* 1 to VNPU_MOST_LAYERS */
	__u32 layer_us; /* how long each layer takes, up to VNPU_LONGEST_LAYER_US */
	__u32 flags;    /* VNPU_JOB_* */
	__u64 job;      /* told: counts from 1, over all files */
};

struct vnpu_wait {
	__u64 job;        /* of the same open file; each can be waited for once */
	__u32 timeout_ms; /* ETIME when it passed; the job can then be waited for again */
	__s32 status;     /* told: 0, -EIO of a job that failed, -ECANCELED of one that was taken off */
};

#define VNPU_SUBMIT _IOWR('N', 0, struct vnpu_submit)
#define VNPU_WAIT _IOWR('N', 1, struct vnpu_wait)

#endif
