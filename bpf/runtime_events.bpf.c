/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Places in runtimes that nobody rebuilt: one program for the entries of functions, one for where they return to. What
 * to read there stands in a table that the recorder fills from descriptions (data/runtimes/); nothing here knows a
 * runtime.
 *
 * A probe is on the file, so that every process which maps it is met; those that are not recorded are left at once.
 * All reads are of fixed sizes and may fail: a wrong description reads nothing, and is counted.
 *
 * Returns are seen in the caller, at an instruction behind the call, not by return probes: those replace the return
 * address on the stack, and an exception that passes such a function then ends the program.
 */
#include <linux/ptrace.h>

#include <bpf/bpf_tracing.h>

#include "bpf/agent_calls.h"
#include "bpf/mapped_rings.bpf.h"
#include "bpf/recorded_processes.bpf.h"
#include "bpf/runtime_event.h"
#include "bpf/runtime_reads.bpf.h"
#include "bpf/thread_numbers.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* While the CPU's own ring is taken. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} np_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_MOST_PLACES);
	__type(key, __u32);
	__type(value, struct np_place);
} np_places SEC(".maps");

/* Identities whose names were told, and a stamp of the name: memory may have got another meaning since. */
struct np_identity {
	__u64 identity;
	__u32 pid, place;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct np_identity);
	__type(value, __u64);
} np_named SEC(".maps");

__u64 np_dropped = 0; /* the ring had no room */
__u64 np_untold = 0;  /* hits of recorded processes that could not be read */
__u64 np_hits_of_others = 0;

static __always_inline void copy_name(struct np_runtime_names *names, __u64 data, __u64 length)
{
	names->name[0] = 0;
	names->unread_name = 0;
	if (data && bpf_probe_read_user_str(names->name, sizeof(names->name), (void *)data) < 0) {
		names->name[0] = 0;
		names->unread_name = data;
	}
	names->name[length < NP_NAME_BYTES - 1 ? length : NP_NAME_BYTES - 1] = 0;
}

static __always_inline void copy_kind(struct np_runtime_names *names, __u64 data, __u64 length)
{
	names->kind[0] = 0;
	names->unread_kind = 0;
	if (data && bpf_probe_read_user_str(names->kind, sizeof(names->kind), (void *)data) < 0) {
		names->kind[0] = 0;
		names->unread_kind = data;
	}
	names->kind[length < NP_KIND_BYTES - 1 ? length : NP_KIND_BYTES - 1] = 0;
}

static __always_inline void fill(struct pt_regs *ctx, struct np_runtime_event *event, __u64 cookie, __u16 what)
{
	const __u64 thread = np_thread_numbers();
	event->pid = thread >> 32;
	event->tid = (__u32)thread;
	event->function = NP_COOKIE_FUNCTION(cookie);
	event->place = NP_COOKIE_PLACE(cookie);
	event->what = what;
	event->identity = 0;
	event->value = 0;
	event->stack = PT_REGS_SP(ctx);
}

static __always_inline __u64 with_shape(__u64 identity, const __u64 *shape, __u32 count)
{
	identity = (identity ^ count) * NP_MIX;
	for (__u32 i = 0; i < NP_MOST_DIMENSIONS; i++)
		identity = ((identity << 7 | identity >> 57) ^ shape[i]) * NP_MIX;
	return identity;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NP_TOLD + 1);
	__type(key, __u32);
	__type(value, struct np_told);
} np_told SEC(".maps");

static __always_inline struct np_told *told_of(__u64 whose)
{
	const __u32 index = np_told_index(whose);
	return bpf_map_lookup_elem(&np_told, &index);
}

/* Of names, in any process; behind the last slot. */
static __always_inline __u32 *renewals(void)
{
	const __u32 index = NP_TOLD;
	struct np_told *last = bpf_map_lookup_elem(&np_told, &index);
	return last ? &last->renewals : 0;
}

/* Whether the name need not be read: it was the same so often, and so little time has passed since the last hit, that
 * the runtime cannot have made something else of this memory (names_stay_us in descriptions). */
static __always_inline int stays_named(__u64 whose, __u64 stay_ns, __u64 now_ns)
{
	struct np_told *told = told_of(whose);
	const __u32 *renewed = renewals();
	if (!told || !renewed || told->whose != whose || told->agreed < NP_AGREED || told->renewals != *renewed ||
	    now_ns - told->last_ns >= stay_ns)
		return 0;
	told->last_ns = now_ns;
	return 1;
}

struct np_told_names {
	const struct np_characters *name, *kind;
	const __u64 *shape;
	__u64 seen, kind_number;
	__u32 shape_count;
};

/* Whether characters are still to be read, soon: while the process lives. */
static __always_inline int fill_names(struct pt_regs *ctx, struct np_runtime_names *names, __u64 cookie,
				      const struct np_told_names *told)
{
	fill(ctx, &names->event, cookie, NP_RUNTIME_NAMES);
	names->event.identity = told->seen;
	names->event.time_ns = bpf_ktime_get_ns();
	copy_name(names, told->name->data, told->name->length);
	copy_kind(names, told->kind->data, told->kind->length);
	names->kind_number = told->kind_number;
	names->shape_count = told->shape_count;
	names->padding = 0;
	for (__u32 i = 0; i < NP_MOST_DIMENSIONS; i++)
		names->shape[i] = told->shape[i];
	return names->unread_name || names->unread_kind;
}

/* Into the same ring as hits: whoever sees one of these sees the names before it. 0: no room. */
static __always_inline int put_names(struct pt_regs *ctx, __u64 cookie, const struct np_told_names *told)
{
	const __u32 cpu = bpf_get_smp_processor_id();
	struct np_ring_positions *ring = np_take_ring(cpu);
	if (ring) {
		struct np_room room;
		struct np_runtime_names *names = (void *)np_room_in(ring, cpu, &room, sizeof(*names));
		if (names) {
			const int is_urgent = fill_names(ctx, names, cookie, told);
			np_put(&room, sizeof(*names));
			if (is_urgent)
				np_ask(ring);
		}
		np_leave_ring(ring);
		return names != 0;
	}
	struct np_runtime_names *names = bpf_ringbuf_reserve(&np_events, sizeof(*names), 0);
	if (!names)
		return 0;
	const int is_urgent = fill_names(ctx, names, cookie, told);
	bpf_ringbuf_submit(names, is_urgent ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	return 1;
}

/* Tells the names of an identity that is new, or has others now. `seen`: its identity as layers are told apart, with
 * the shape. */
static __always_inline void tell_names(struct pt_regs *ctx, const struct np_place *place, __u64 cookie, __u64 identity,
				       __u64 seen, const __u64 *shape, __u32 shape_count, __u64 now_ns)
{
	struct np_characters name, kind = {};
	__u64 kind_number = 0;
	read_characters(ctx, place, &place->name, identity, &name);
	if (!name.data && place->name.from != NP_READ_NOTHING)
		return;
	if (place->kind.as == NP_AS_NUMBER && place->kind.from != NP_READ_NOTHING &&
	    !follow(ctx, place, &place->kind, identity, &kind_number))
		return;
	const struct np_identity key = {seen, bpf_get_current_pid_tgid() >> 32, NP_COOKIE_PLACE(cookie)};
	const __u64 stamp = name.stamp ^ kind_number << 32;
	const __u64 whose = np_sum_of_identity(seen, key.pid, key.place);
	const __u64 what = (whose ^ stamp) * NP_MIX | 1;
	struct np_told *slot = told_of(whose);
	const __u32 *renewed = renewals();
	if (!slot || !renewed)
		return;
	if (slot->what == what) {
		slot->agreed = slot->whose == whose && slot->renewals == *renewed ? slot->agreed + 1 : 0;
		slot->whose = whose;
		slot->renewals = *renewed;
		slot->last_ns = now_ns;
		return;
	}
	slot->agreed = 0;
	slot->whose = whose;
	const __u64 *told = bpf_map_lookup_elem(&np_named, &key);
	if (told && *told == stamp) {
		slot->what = what;
		return;
	}
	if (place->kind.as != NP_AS_NUMBER)
		read_characters(ctx, place, &place->kind, identity, &kind);
	const struct np_told_names told_names = {&name, &kind, shape, seen, kind_number, shape_count};
	if (!put_names(ctx, cookie, &told_names)) {
		__sync_fetch_and_add(&np_dropped, 1);
		return;
	}
	bpf_map_update_elem(&np_named, &key, &stamp, BPF_ANY);
	slot->what = what;
}

/* What tells layers apart, told with its names when it is new. `identity`: as it was read. `now_ns`: of places whose
 * names stay, else 0; it becomes 0 when names were read nevertheless, which takes a while. */
static __always_inline __u64 identify(struct pt_regs *ctx, const struct np_place *place, __u64 cookie, __u64 *identity,
				      __u64 *now_ns)
{
	__u64 shape[NP_MOST_DIMENSIONS] = {}, seen;
	__u32 shape_count = 0;
	int readable = 1;
	*identity = 0;
	if (place->tells & NP_TELLS_IDENTITY)
		readable = follow(ctx, place, &place->identity, 0, identity);
	else if (place->tells & NP_TELLS_NAMES)
		*identity = NP_COOKIE_FUNCTION(cookie);
	seen = *identity;
	if (!readable || !(place->tells & NP_TELLS_NAMES))
		return seen;
	if (place->tells & NP_TELLS_SHAPE) {
		shape_count = read_shape(ctx, place, *identity, shape);
		seen = with_shape(seen, shape, shape_count);
	}
	if (*now_ns != 0 &&
	    stays_named(np_sum_of_identity(seen, bpf_get_current_pid_tgid() >> 32, NP_COOKIE_PLACE(cookie)),
			place->names_stay_ns, *now_ns))
		return seen;
	tell_names(ctx, place, cookie, *identity, seen, shape, shape_count, *now_ns);
	*now_ns = 0;
	return seen;
}

/* Where the function that is entered returns to; 0 if that cannot be read. */
static __always_inline __u64 return_address(struct pt_regs *ctx, __u64 cookie)
{
	__u64 address = 0;
#if defined(__TARGET_ARCH_x86)
	read_bytes(&address, 8, PT_REGS_SP(ctx) + NP_COOKIE_PUSHED_BYTES(cookie));
#else
	(void)cookie;
	address = PT_REGS_RET(ctx);
#endif
	return address;
}

static __always_inline int is_wanted(void)
{
	if (np_is_recorded(0))
		return 1;
	__sync_fetch_and_add(&np_hits_of_others, 1);
	return 0;
}

__u8 np_functions[NP_MOST_FUNCTIONS][NP_FUNCTION_BYTES];

/* The first call of a function wakes the recorder up, which then learns its caller. */
static __always_inline int is_first_call(__u64 cookie)
{
	__u8 *met = &np_functions[NP_COOKIE_FUNCTION(cookie)][NP_FUNCTION_MET];
	if (*met)
		return 0;
	*met = 1;
	return 1;
}

static __always_inline int is_on_its_side(__u64 cookie)
{
	return np_functions[NP_COOKIE_FUNCTION(cookie)][NP_FUNCTION_SIDE] == NP_COOKIE_SIDE(cookie);
}

static __always_inline void put(const struct np_runtime_event *event, int at_once)
{
	const __u32 cpu = bpf_get_smp_processor_id();
	struct np_ring_positions *ring = np_take_ring(cpu);
	struct np_room room;
	if (ring) {
		struct np_runtime_event *to = (void *)np_room_in(ring, cpu, &room, sizeof(*to));
		if (to) {
			*to = *event;
			np_put(&room, sizeof(*to));
		} else {
			__sync_fetch_and_add(&np_dropped, 1);
		}
		if (at_once)
			np_ask(ring);
		np_leave_ring(ring);
	} else if (bpf_ringbuf_output(&np_events, (void *)event, sizeof(*event),
				      at_once ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP) != 0) {
		__sync_fetch_and_add(&np_dropped, 1);
	}
}

__u64 np_timed_hits[NP_TIMED_KINDS], np_timed_ns[NP_TIMED_KINDS];

/* 0, which verifiers do not know: else they look at all that follows twice, and that of 6.1 gives up. */
__u64 np_never = 0;

/* By what this CPU has written so far. */
static __always_inline int is_timed(void)
{
	const __u32 cpu = bpf_get_smp_processor_id();
	const struct np_ring_positions *ring = bpf_map_lookup_elem(&np_positions, &cpu);
	return ring && ring->written / 8 % NP_TIMED_HITS == 0;
}

static __always_inline void add_timed(__u32 kind, __u64 begin_ns)
{
	const __u64 took_ns = bpf_ktime_get_ns() - begin_ns;
	if (took_ns > NP_LONGEST_TIMED_NS || kind >= NP_TIMED_KINDS)
		return;
	__sync_fetch_and_add(&np_timed_hits[kind], 1);
	__sync_fetch_and_add(&np_timed_ns[kind], took_ns);
}

static __always_inline __u32 timed_entry(const struct np_place *place)
{
	if (!(place->tells & NP_TELLS_NAMES))
		return NP_TIMED_ENTRY;
	return place->names_stay_ns ? NP_TIMED_STAYING_ENTRY : NP_TIMED_NAMED_ENTRY;
}

static __always_inline int enter(struct pt_regs *ctx, __u64 cookie)
{
	const __u32 number = NP_COOKIE_PLACE(cookie);
	const struct np_place *place = bpf_map_lookup_elem(&np_places, &number);
	if (!place || !is_on_its_side(cookie) || !is_wanted())
		return 0;
	const __u64 begin_ns = is_timed() ? bpf_ktime_get_ns() : np_never;
	__u32 *renewed = place->tells & NP_RENEWS_NAMES ? renewals() : 0;
	if (renewed)
		__sync_fetch_and_add(renewed, 1);
	__u64 value = 0, identity, now_ns = place->names_stay_ns ? bpf_ktime_get_ns() : 0;
	const __u64 seen = identify(ctx, place, cookie, &identity, &now_ns);
	if (place->tells & NP_TELLS_COUNT && !read_count(ctx, place, identity, &value)) {
		__sync_fetch_and_add(&np_untold, 1);
		return 0;
	}
	struct np_runtime_event event;
	fill(ctx, &event, cookie, NP_RUNTIME_HIT);
	event.identity = seen;
	event.value = NP_COOKIE_IS_SPAN(cookie) ? return_address(ctx, cookie) : value;
	/* Last: what it took to get here is before the layer, not in it. */
	event.time_ns = now_ns ? now_ns : bpf_ktime_get_ns();
	put(&event, is_first_call(cookie));
	if (begin_ns)
		add_timed(timed_entry(place), begin_ns);
	return 0;
}

SEC("uprobe")
int np_runtime_entry(struct pt_regs *ctx)
{
	return enter(ctx, bpf_get_attach_cookie(ctx));
}

/* By the number of a function that the agent inside a program has an entry for (collector/agent/). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NP_AGENT_CALLS);
	__type(key, __u32);
	__type(value, __u64);
} np_agent_cookies SEC(".maps");

/* Where the agent calls a function that it cannot tell of itself; registers are as at the function's entry. */
SEC("uprobe")
int np_agent_entry(struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_x86)
	const __u32 number = ctx->r11;
#else
	const __u32 number = NP_AGENT_CALLS; /* there is no agent yet */
#endif
	const __u64 *cookie = bpf_map_lookup_elem(&np_agent_cookies, &number);
	return cookie ? enter(ctx, *cookie) : 0;
}

/* Behind a call; of others that come by here nothing is open at this place of the stack. */
SEC("uprobe")
int np_runtime_return(struct pt_regs *ctx)
{
	const __u64 time_ns = bpf_ktime_get_ns(), cookie = bpf_get_attach_cookie(ctx);
	const int timed = is_timed();
	if (!is_wanted())
		return 0;
	struct np_runtime_event event;
	fill(ctx, &event, 0, NP_RUNTIME_RETURN);
	event.function = (__u32)cookie;
	event.time_ns = time_ns;
	put(&event, 0);
	if (timed)
		add_timed(NP_TIMED_RETURN, time_ns);
	return 0;
}

/* Where the agent inside a program asks the recorder to come (collector/agent/agent.c). */
SEC("uprobe")
int np_agent_asks(struct pt_regs *ctx)
{
	const __u64 nothing = 0;
	(void)ctx;
	if (np_is_recorded(0))
		bpf_ringbuf_output(&np_wakeups, (void *)&nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
	return 0;
}
