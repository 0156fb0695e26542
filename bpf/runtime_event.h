/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What runtime_events.bpf.c is told of the places it watches in runtimes that nobody rebuilt (data/runtimes/), and what
 * it puts into its ring for the collector (collector/runtime_probes.cpp).
 */
#ifndef NEUROPERF_RUNTIME_EVENT_H
#define NEUROPERF_RUNTIME_EVENT_H

#include <linux/types.h>

#define NP_READ_STEPS 6     /* how often one value may follow a pointer */
#define NP_MOST_PLACES 4096 /* of all descriptions together */
#define NP_NAME_BYTES 192
#define NP_KIND_BYTES 64
#define NP_MOST_DIMENSIONS 8
#define NP_MOST_INDICES 2 /* of a shape: each may be found by the one before */
#define NP_MOST_SUMMED_BYTES 65536

enum np_read_from {
	NP_READ_NOTHING = 0,
	NP_READ_ARGUMENT_1, /* 1 to 6, as the calling convention counts them: a hidden first one for the result counts
			     */
	NP_READ_ARGUMENT_2,
	NP_READ_ARGUMENT_3,
	NP_READ_ARGUMENT_4,
	NP_READ_ARGUMENT_5,
	NP_READ_ARGUMENT_6,
	NP_READ_CONSTANT,
	NP_READ_RESULT,   /* where a function returns */
	NP_READ_FILE,     /* where the file lies in memory: address 0 of its own numbering */
	NP_READ_IDENTITY, /* the place's, which has been read already */
};

enum np_read_as {
	NP_AS_NUMBER = 0,
	NP_AS_C_STRING,   /* the value is the address of characters up to a NUL */
	NP_AS_STD_STRING, /* the value is the address of a std::string of libstdc++: pointer, length */
	NP_AS_TYPE_NAME,  /* as NP_AS_C_STRING, and it is to be demangled */
};

/* value = from; `steps` times: value = memory at (value + offsets[i]); then value += add. The last step reads
 * `last_size` bytes, the others a pointer. With `index_scale`, so many times the place's index is added before step
 * `index_step`, or behind the last one. */
struct np_read {
	__u8 from; /* enum np_read_from */
	__u8 steps;
	__u8 last_size; /* 1, 2, 4 or 8 */
	__u8 as;        /* enum np_read_as */
	__s32 offsets[NP_READ_STEPS];
	__s16 index_scale;
	__u8 index_step, padding;
	__s64 add; /* of NP_READ_CONSTANT: the value */
};

/* What of a place is given, so that most hits need not look at the rest. */
enum np_tells {
	NP_TELLS_IDENTITY = 1,
	NP_TELLS_NAMES = 2, /* a name, a kind or a shape */
	NP_TELLS_SHAPE = 4,
	NP_TELLS_COUNT = 8,
	NP_RENEWS_NAMES = 16, /* names may be others from here on */
};

struct np_place {
	__u32 tells; /* enum np_tells */
	/* So long after a hit an identity has the names that it had, if none renews them; 0: nobody knows. */
	__u32 names_stay_ns;
	struct np_read identity; /* tells layers apart */
	struct np_read value;    /* a count; with `summed`, where bytes to add up are or where elements begin */
	struct np_read summed;   /* how many bytes they are, or where elements end */
	struct np_read name;     /* a string, read once for each identity */
	struct np_read kind;     /* a string too, or a number */
	struct np_read index[NP_MOST_INDICES]; /* of the shape, one after the other: the last one given counts */
	struct np_read shape;                  /* where the sizes of its tensor are: part of the identity */
	struct np_read shape_count;
	__u64 probe_address; /* of NP_READ_FILE: where the probe is in the file's numbering */
	__u32 shape_size;    /* 4 or 8 bytes a size */
	__u32 element_bytes; /* of `summed`: bytes of an element; 0: bytes are added up */
};

enum np_runtime_what {
	NP_RUNTIME_HIT = 1,
	NP_RUNTIME_RETURN = 2,
	NP_RUNTIME_NAMES = 3, /* a struct np_runtime_names: comes before the first hit with its identity */
};

/* The cookie of a probe at an entry or an exit: which place of a description, in which function that was found for it,
 * how far the stack pointer is below its value at the function's entry, in words, whether the call's end is wanted, and
 * a side: where two probes are at a place for a moment, the one on the function's side counts. That of a probe in a
 * caller is a number of the recorder's. */
#define NP_COOKIE(place, function, pushed_bytes, is_span)                                                              \
	((__u64)(place) | (__u64)(function) << 16 | (__u64)((pushed_bytes) / 8) << 40 | (__u64)(is_span) << 63)
#define NP_COOKIE_PLACE(cookie) ((__u32)(cookie)&0x7fff)
#define NP_COOKIE_SIDE(cookie) ((__u32)(cookie) >> 15 & 1)
#define NP_COOKIE_FUNCTION(cookie) ((__u32)((cookie) >> 16) & 0xffff)
#define NP_COOKIE_PUSHED_BYTES(cookie) ((__u32)((cookie) >> 40 & 0x7fffff) * 8)
#define NP_COOKIE_IS_SPAN(cookie) ((cookie) >> 63)
#define NP_COOKIE_OF_OTHER_SIDE(cookie) ((cookie) ^ 1 << 15)
#define NP_MOST_FUNCTIONS (1 << 16)

/* What the BPF program and the recorder know of a function, a byte each. */
enum np_function_byte {
	NP_FUNCTION_MET = 0,  /* it has been called: written by the program */
	NP_FUNCTION_SIDE = 1, /* that counts: written by the recorder */
	NP_FUNCTION_BYTES = 2,
};

/* Of some hits the program takes the time that it needs itself: elsewhere caches are not as full of it as where the
 * recorder tries it. */
#define NP_TIMED_HITS 17          /* one in so many: no number that layers repeat by */
#define NP_LONGEST_TIMED_NS 16384 /* something else came between */
enum np_timed {
	NP_TIMED_ENTRY = 0,
	NP_TIMED_NAMED_ENTRY,
	NP_TIMED_STAYING_ENTRY,
	NP_TIMED_RETURN,
	NP_TIMED_KINDS,
};

#define NP_MIX 0x9e3779b97f4a7c15ull /* of numbers that are to be spread */

/* What was told last of identities that share a slot, so that most hits need not look further. A slot belongs to the
 * identity, not to its name: that it got another name, and the first one again, is seen. Agents inside programs read
 * this too (collector/agent/); of the slot behind the last one `renewals` are those there were, `what` is a number by
 * which they know it. */
#define NP_TOLD (1 << 13)
#define NP_AGREED 16 /* hits in a row, before names are taken to stay */
struct np_told {
	__u64 what;     /* a sum of all that tells, the name too */
	__u64 whose;    /* of the identity */
	__u64 last_ns;  /* when it was hit last */
	__u32 agreed;   /* hits in a row at which the name was read and was the same */
	__u32 renewals; /* as many as there had been */
};

static inline __u64 np_sum_of_identity(__u64 seen, __u32 pid, __u32 place)
{
	return (seen ^ (__u64)pid << 32 ^ place) * NP_MIX;
}

static inline __u32 np_told_index(__u64 whose)
{
	return (__u32)(whose >> 32) & (NP_TOLD - 1);
}

struct np_runtime_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 identity;
	__u64 value; /* a count; of a call whose end is wanted: where it returns to */
	__u64 stack; /* pointer, as the probe met it */
	__u32 pid;   /* as the recorder's pid namespace sees the thread */
	__u32 tid;
	__u32 function; /* of a return: the number of the probe */
	__u16 place;
	__u16 what; /* enum np_runtime_what */
};

struct np_runtime_names {
	struct np_runtime_event event;
	char name[NP_NAME_BYTES]; /* with a NUL, cut where it is longer */
	char kind[NP_KIND_BYTES];
	__u64 kind_number;
	__u64 shape[NP_MOST_DIMENSIONS];
	/* Where characters are that could not be read because nobody has touched their page yet; 0: they were read. */
	__u64 unread_name, unread_kind;
	__u32 shape_count;
	__u32 padding;
};

#ifdef __cplusplus
static_assert(sizeof(struct np_read) == 40 && sizeof(struct np_place) == 384, "np_place");
static_assert(sizeof(struct np_runtime_event) == 48 && sizeof(struct np_runtime_names) == 400, "np_runtime_names");
#else
_Static_assert(sizeof(struct np_read) == 40 && sizeof(struct np_place) == 384, "np_place");
_Static_assert(sizeof(struct np_runtime_event) == 48 && sizeof(struct np_runtime_names) == 400, "np_runtime_names");
#endif

#endif
