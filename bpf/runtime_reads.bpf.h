/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Values that descriptions of runtimes name (struct np_place), read where a probe is hit: from registers, and from
 * there along pointers in the program's memory. All reads are of fixed sizes, and what is not there is counted.
 */
#ifndef NEUROPERF_RUNTIME_READS_BPF_H
#define NEUROPERF_RUNTIME_READS_BPF_H

#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/runtime_event.h"

__u64 np_unreadable = 0; /* what a description names was not in memory */
__u64 np_too_large = 0;  /* more bytes than may be added up */

/* The statement behind each load keeps the compiler from loading at a computed place, which verifiers refuse. */
#define START(which, load)                                                                                             \
	case which:                                                                                                    \
		value = (load);                                                                                        \
		asm volatile("# %1" : "+r"(value) : "i"(which));                                                       \
		return value

/* `identity`: of the place, as it was read; 0 before that. */
static __always_inline __u64 start_of(struct pt_regs *ctx, const struct np_place *place, const struct np_read *read,
				      __u64 identity)
{
	__u64 value;
	switch (read->from) {
		START(NP_READ_ARGUMENT_1, PT_REGS_PARM1(ctx));
		START(NP_READ_ARGUMENT_2, PT_REGS_PARM2(ctx));
		START(NP_READ_ARGUMENT_3, PT_REGS_PARM3(ctx));
		START(NP_READ_ARGUMENT_4, PT_REGS_PARM4(ctx));
		START(NP_READ_ARGUMENT_5, PT_REGS_PARM5(ctx));
#if defined(__TARGET_ARCH_x86)
		START(NP_READ_ARGUMENT_6, ctx->r9);
#elif defined(__TARGET_ARCH_arm64)
		START(NP_READ_ARGUMENT_6, ((const volatile struct user_pt_regs *)ctx)->regs[5]);
#endif
		START(NP_READ_RESULT, PT_REGS_RC(ctx));
	case NP_READ_FILE:
		return PT_REGS_IP(ctx) - place->probe_address;
	case NP_READ_IDENTITY:
		return identity;
	default:
		return 0;
	}
}

static __always_inline int read_bytes(__u64 *value, __u8 size, __u64 address)
{
	__u64 word = 0;
	long error;
	switch (size) { /* sizes that the verifier knows; memory is little-endian */
	case 1:
		error = bpf_probe_read_user(&word, 1, (void *)address);
		break;
	case 2:
		error = bpf_probe_read_user(&word, 2, (void *)address);
		break;
	case 4:
		error = bpf_probe_read_user(&word, 4, (void *)address);
		break;
	default:
		error = bpf_probe_read_user(&word, 8, (void *)address);
	}
	*value = word;
	return error == 0;
}

/* 0 if something on the way cannot be read. */
static __always_inline int follow(struct pt_regs *ctx, const struct np_place *place, const struct np_read *read,
				  __u64 identity, __u64 *value)
{
	__u64 at = start_of(ctx, place, read, identity);
	for (__u32 i = 0; i < NP_READ_STEPS; i++) {
		if (i >= read->steps)
			break;
		const __u8 size = i + 1 == read->steps ? read->last_size : 8;
		if (!read_bytes(&at, size, at + (__s64)read->offsets[i])) {
			__sync_fetch_and_add(&np_unreadable, 1);
			return 0;
		}
	}
	*value = at + read->add;
	return 1;
}

/* The same with the place's index, which `value` is before. */
static __always_inline int follow_indexed(struct pt_regs *ctx, const struct np_place *place, const struct np_read *read,
					  __u64 identity, __u64 index, __u64 *value)
{
	__u64 at = start_of(ctx, place, read, identity);
	for (__u32 i = 0; i < NP_READ_STEPS; i++) {
		if (i >= read->steps)
			break;
		const __u8 size = i + 1 == read->steps ? read->last_size : 8;
		at += (__s64)read->offsets[i] + (i == read->index_step ? index * read->index_scale : 0);
		if (!read_bytes(&at, size, at)) {
			__sync_fetch_and_add(&np_unreadable, 1);
			return 0;
		}
	}
	*value = at + read->add + (read->steps == read->index_step ? index * read->index_scale : 0);
	return 1;
}

/* Characters of a name: where they are, how many may be taken, and a stamp of them; `data` 0 if nowhere. */
struct np_characters {
	__u64 data, length, stamp;
};

/* libstdc++'s std::string: short ones hold their characters themselves. */
struct np_std_string {
	__u64 data, length, own[2];
};

/* The end of a name differs where its beginning may not. */
static __always_inline __u64 stamp_of(__u64 data, __u64 length)
{
	__u64 word = 0;
	if (length < 8 || length >= NP_NAME_BYTES)
		bpf_probe_read_user(&word, 8, (void *)data);
	else
		bpf_probe_read_user(&word, 8, (void *)(data + length - 8));
	return word ^ length << 56 ^ (data << 8);
}

static __always_inline void read_characters(struct pt_regs *ctx, const struct np_place *place,
					    const struct np_read *read, __u64 identity, struct np_characters *found)
{
	struct np_std_string string = {};
	__u64 at = 0;
	found->data = found->stamp = 0;
	found->length = NP_NAME_BYTES;
	if (read->from == NP_READ_NOTHING || !follow(ctx, place, read, identity, &at))
		return;
	if (read->as != NP_AS_STD_STRING) {
		found->data = at;
		found->stamp = at ? stamp_of(at, found->length) : 0;
		return;
	}
	if (bpf_probe_read_user(&string, sizeof(string), (void *)at) != 0) {
		__sync_fetch_and_add(&np_unreadable, 1);
		return;
	}
	found->data = string.data;
	found->length = string.length;
	if (string.data == at + 16)
		found->stamp =
			string.own[0] ^ (string.own[1] << 17 | string.own[1] >> 47) ^ string.length << 56 ^ at << 8;
	else if (string.data)
		found->stamp = stamp_of(string.data, string.length);
}

/* How many sizes were read to `shape`. */
static __always_inline __u32 read_shape(struct pt_regs *ctx, const struct np_place *place, __u64 identity, __u64 *shape)
{
	__u64 address = 0, count = 0, index = 0;
	for (__u32 i = 0; i < NP_MOST_INDICES; i++)
		if (place->index[i].from != NP_READ_NOTHING &&
		    !follow_indexed(ctx, place, &place->index[i], identity, index, &index))
			return 0;
	if (!follow_indexed(ctx, place, &place->shape, identity, index, &address) ||
	    !follow_indexed(ctx, place, &place->shape_count, identity, index, &count))
		return 0;
	if (count > NP_MOST_DIMENSIONS)
		count = NP_MOST_DIMENSIONS;
	for (__u32 i = 0; i < NP_MOST_DIMENSIONS; i++) {
		shape[i] = 0;
		if (i < count &&
		    !read_bytes(&shape[i], place->shape_size == 4 ? 4 : 8, address + i * place->shape_size)) {
			__sync_fetch_and_add(&np_unreadable, 1);
			return 0;
		}
	}
	return count;
}

#define NP_SUMMED_WORDS 16 /* at a time: they are on the stack */

static __always_inline __u64 sum_words(const __u64 *words)
{
	const __u64 even = 0x00ff00ff00ff00ff;
	__u64 total = 0;
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < NP_SUMMED_WORDS; i++)
		total += (((words[i] & even) + (words[i] >> 8 & even)) * 0x0001000100010001) >> 48;
	return total;
}

/* 0 if they are too many, or not all there. */
static __always_inline int sum_bytes(__u64 address, __u64 count, __u64 *sum)
{
	__u64 words[NP_SUMMED_WORDS], total = 0;
	if (count > NP_MOST_SUMMED_BYTES) {
		__sync_fetch_and_add(&np_too_large, 1);
		return 0;
	}
	for (__u32 i = 0; i < NP_MOST_SUMMED_BYTES / (8 * NP_SUMMED_WORDS); i++) {
		__u64 left = count - (__u64)i * 8 * NP_SUMMED_WORDS;
		if ((__s64)left <= 0)
			break;
		__builtin_memset(words, 0, sizeof(words));
		if (left > sizeof(words))
			left = sizeof(words);
		asm volatile("" : "+r"(left));
		if (left > sizeof(words) ||
		    bpf_probe_read_user(words, left, (void *)(address + (__u64)i * 8 * NP_SUMMED_WORDS)) != 0) {
			__sync_fetch_and_add(&np_unreadable, 1);
			return 0;
		}
		total += sum_words(words);
	}
	*sum = total;
	return 1;
}

/* `*value` is where they begin, and becomes their number. */
static __always_inline int count_elements(const struct np_place *place, __u64 end, __u64 *value)
{
	if (end < *value) {
		__sync_fetch_and_add(&np_unreadable, 1);
		return 0;
	}
	*value = (end - *value) / place->element_bytes;
	return 1;
}

/* What one hit stands for; 0 if that cannot be read. */
static __always_inline int read_count(struct pt_regs *ctx, const struct np_place *place, __u64 identity, __u64 *value)
{
	*value = 0;
	if (place->value.from == NP_READ_CONSTANT)
		*value = place->value.add;
	if (place->value.from == NP_READ_CONSTANT || place->value.from == NP_READ_NOTHING)
		return 1;
	if (!follow(ctx, place, &place->value, identity, value))
		return 0;
	if (place->summed.from == NP_READ_NOTHING)
		return 1;
	__u64 count = 0;
	if (!follow(ctx, place, &place->summed, identity, &count))
		return 0;
	return place->element_bytes != 0 ? count_elements(place, count, value) : sum_bytes(*value, count, value);
}

#endif
