/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent inside a program that `neuroperf record --agent` launches: tells the begins and ends of virtual functions
 * of runtimes for some 30 ns each, where a probe's trap takes 700.
 *
 * The dynamic linker loads it first (LD_PRELOAD). It does nothing until the recorder, having found a runtime, writes
 * the address of an entry of agent_calls.S into tables of virtual functions. What a call is then told as stands in
 * memory that both have mapped; names, which need care, are read by a BPF program, at a uprobe, until that program has
 * seen often enough that they stay (struct np_told). Whatever is not as it should be, a forked child, a thread without
 * a ring, a signal handler that interrupts this, goes by the uprobe too.
 *
 * Of the C library it uses clock_gettime alone, which it finds wherever the program has it. No allocation, no lock, no
 * system call once a thread has its ring.
 */
#include "collector/agent/agent_memory.h"

#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/time.h>

#define SHOWN __attribute__((visibility("default")))
#define BARRIER() __asm__ volatile("" ::: "memory") /* enough on x86-64, where stores are seen in order */

/* What a call does next; agent_calls.S compares them with 1. */
enum np_agent_way { NP_AGENT_PLAIN = 0, NP_AGENT_SLOW = 1, NP_AGENT_TOLD = 2 };

extern char **environ __attribute__((weak));
extern int clock_gettime(int clock, struct __kernel_timespec *time) __attribute__((weak));

SHOWN __u64 neuroperf_agent_functions[NP_AGENT_CALLS]; /* what stood in the tables: written by the recorder */
SHOWN volatile __u32 neuroperf_agent_is_ready;         /* read by the recorder */
static const struct np_agent_call *calls;              /* in shared memory; 0 where that is not known */

/* A page of its own, which the kernel clears in forked children. */
static union {
	struct {
		struct np_agent_memory *memory;
		const struct np_told *told; /* by the BPF program */
		__u32 process;
		__u32 return_number; /* np_agent_header */
	} is;
	char page[4096];
} here __attribute__((aligned(4096)));

/* A call finds little of this in the CPU's caches, which the network fills: so it looks at few lines of memory. */
static __thread struct {
	struct np_ring_positions *ring;
	struct np_ring_chunk *chunks; /* of the ring */
	__u64 read;                   /* of the ring, when it was last looked at; */
	__u64 ask_at;                 /* likewise */
	__u32 tid;
	__u32 has_none; /* there was no free ring */
	__u32 busy;
} own __attribute__((tls_model("initial-exec"), aligned(64)));

static long system_call(long number, long one, long two, long three, long four, long five, long six)
{
	register long r10 __asm__("r10") = four;
	register long r8 __asm__("r8") = five;
	register long r9 __asm__("r9") = six;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(one), "S"(two), "d"(three), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static void *map(__u64 bytes, int protection, int flags, int fd)
{
	const long at = system_call(__NR_mmap, 0, (long)bytes, protection, flags, fd, 0);
	return at < 0 && at > -4096 ? 0 : (void *)at;
}

static __u64 now_ns(void)
{
	struct __kernel_timespec time;
	if (clock_gettime(1 /* CLOCK_MONOTONIC */, &time) != 0)
		return 0;
	return (__u64)time.tv_sec * 1000000000 + (__u64)time.tv_nsec;
}

/* What stands behind "NAME="; 0 if nothing does. */
static const char *environment(const char *name)
{
	for (char **at = &environ ? environ : 0; at && *at; at++) {
		const char *letter = *at, *wanted = name;
		while (*wanted && *letter == *wanted) {
			letter++;
			wanted++;
		}
		if (!*wanted && *letter == '=')
			return letter + 1;
	}
	return 0;
}

/* The number there, and passes it and the colon behind it. */
static __u64 take_number(const char **text, __u32 base)
{
	__u64 number = 0;
	for (;; (*text)++) {
		const char letter = **text;
		__u32 digit = base;
		if (letter >= '0' && letter <= '9')
			digit = (__u32)(letter - '0');
		else if (letter >= 'a' && letter <= 'f')
			digit = (__u32)(letter - 'a') + 10;
		if (digit >= base)
			break;
		number = number * base + digit;
	}
	if (**text == ':')
		(*text)++;
	return number;
}

static __u64 own_pid_namespace(void)
{
	struct stat info;
	const long error = system_call(__NR_stat, (long)"/proc/self/ns/pid", (long)&info, 0, 0, 0, 0);
	return error == 0 ? info.st_ino : 0;
}

/* From now on calls are told in there; without a memory none are. `told_names`: struct np_told[NP_TOLD + 1]. */
SHOWN void neuroperf_agent_use(struct np_agent_memory *shared, const struct np_told *told_names)
{
	neuroperf_agent_is_ready = 0;
	if (!shared || !&clock_gettime ||
	    system_call(__NR_madvise, (long)&here, sizeof(here), MADV_WIPEONFORK, 0, 0, 0) != 0)
		return;
	here.is.process = (__u32)system_call(__NR_getpid, 0, 0, 0, 0, 0, 0);
	here.is.return_number = shared->header.return_number;
	here.is.told = told_names;
	here.is.memory = shared;
	calls = shared->calls;
	neuroperf_agent_is_ready = 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = environment(NP_AGENT_ENVIRONMENT);
	if (!text)
		return;
	const int fd = (int)take_number(&text, 10), table = (int)take_number(&text, 10);
	const __u64 cookie = take_number(&text, 16);
	/* Somebody may have closed them, and opened files of his own with these numbers. */
	struct stat info;
	if (system_call(__NR_fstat, fd, (long)&info, 0, 0, 0, 0) != 0 ||
	    (__u64)info.st_size != sizeof(struct np_agent_memory))
		return;
	struct np_agent_memory *const shared = map(sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	if (!shared || shared->header.magic != NP_AGENT_MAGIC || shared->header.cookie != cookie ||
	    shared->header.pid_namespace != own_pid_namespace())
		return;
	const struct np_told *const names = map(sizeof(*names) * (NP_TOLD + 1), PROT_READ, MAP_SHARED, table);
	if (names && names[NP_TOLD].what == cookie)
		neuroperf_agent_use(shared, names);
}

/* 0 if it has none and there is none. */
static int has_ring(void)
{
	struct np_agent_memory *const memory = here.is.memory;
	if (own.ring)
		return 1;
	if (own.has_none)
		return 0;
	own.busy = 1;
	own.tid = (__u32)system_call(__NR_gettid, 0, 0, 0, 0, 0, 0);
	for (__u32 i = 0; i < NP_AGENT_RINGS && !own.ring; i++) {
		__u32 nobody = 0;
		if (__atomic_compare_exchange_n(&memory->positions[i].taken, &nobody, own.tid, 0, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED)) {
			own.chunks = &memory->chunks[i * NP_AGENT_RING_CHUNKS];
			own.ring = &memory->positions[i];
		}
	}
	own.has_none = !own.ring;
	own.busy = 0;
	return own.ring != 0;
}

static char *record_at(__u64 position)
{
	return own.chunks[position / NP_RING_CHUNK % NP_AGENT_RING_CHUNKS].bytes + position % NP_RING_CHUNK;
}

/* A uprobe is there that has the recorder come. */
SHOWN __attribute__((noinline)) void neuroperf_agent_ask(void)
{
	__asm__ volatile("nop" ::: "memory");
}

/* Looks where the recorder is. Whether so many bytes more are within the ring. */
static int has_room(__u64 end)
{
	own.read = *(volatile __u64 *)&own.ring->read;
	own.ask_at = *(volatile __u64 *)&own.ring->ask_at;
	if (end - own.read > own.ask_at && !*(volatile __u32 *)&own.ring->asked) {
		own.ring->asked = 1;
		neuroperf_agent_ask();
	}
	if (end - own.read <= NP_AGENT_RING_BYTES)
		return 1;
	__atomic_fetch_add(&here.is.memory->header.dropped, 1, __ATOMIC_RELAXED);
	return 0;
}

/* bpf/mapped_rings.bpf.h has the same for BPF programs. */
static int put(const struct np_runtime_event *event)
{
	struct np_ring_positions *const ring = own.ring;
	const __u64 bytes = sizeof(struct np_ring_record) + sizeof(*event);
	__u64 position = ring->written;
	const __u64 left = NP_RING_CHUNK - position % NP_RING_CHUNK;
	if (left < bytes) {
		((struct np_ring_record *)record_at(position))->size = NP_RING_NEXT_CHUNK;
		position += left;
	}
	if (position + bytes - own.read > own.ask_at && !has_room(position + bytes))
		return 0;
	char *const record = record_at(position);
	((struct np_ring_record *)record)->size = sizeof(*event);
	*(struct np_runtime_event *)(record + sizeof(struct np_ring_record)) = *event;
	BARRIER();
	*(volatile __u64 *)&ring->written = position + bytes;
	return 1;
}

/* Whether the BPF program has seen often enough that this identity keeps its name, and looked at it lately. */
static int stays_named(const struct np_agent_call *call, __u64 identity, __u64 time_ns)
{
	const struct np_told *const told = here.is.told;
	const __u64 whose = np_sum_of_identity(identity, here.is.process, call->place);
	const struct np_told *const names = &told[np_told_index(whose)];
	const __u64 last_ns = *(volatile const __u64 *)&names->last_ns;
	return *(volatile const __u32 *)&names->agreed >= NP_AGREED &&
	       *(volatile const __u64 *)&names->whose == whose &&
	       names->renewals == *(volatile const __u32 *)&told[NP_TOLD].renewals &&
	       (time_ns <= last_ns || time_ns - last_ns < call->names_stay_ns);
}

/* `arguments`: the six in integer registers. `stack`: the stack pointer at the function's entry. */
__attribute__((visibility("hidden"))) int neuroperf_agent_begin(__u32 number, const __u64 *arguments, __u64 stack)
{
	if (!calls || !*(volatile const __u32 *)&calls[number].on)
		return NP_AGENT_PLAIN;
	if (!here.is.memory || own.busy || !has_ring())
		return NP_AGENT_SLOW;
	own.busy = 1;
	BARRIER();
	const struct np_agent_call *const call = &calls[number];
	const __u64 identity = arguments[call->identity_argument % 6], time_ns = now_ns();
	int way = NP_AGENT_SLOW;
	if (stays_named(call, identity, time_ns)) {
		const struct np_runtime_event event = {
			.time_ns = time_ns,
			.identity = identity,
			.value = *(const __u64 *)stack, /* where the call returns to */
			.stack = stack,
			.pid = here.is.process,
			.tid = own.tid,
			.function = call->function,
			.place = call->place,
			.what = NP_RUNTIME_HIT,
		};
		way = put(&event) ? NP_AGENT_TOLD : NP_AGENT_PLAIN;
	}
	BARRIER();
	own.busy = 0;
	return way;
}

/* `stack`: the caller's stack pointer once the call has returned. 0: it must be told by the uprobe. */
__attribute__((visibility("hidden"))) int neuroperf_agent_end(__u64 stack)
{
	if (!here.is.memory || own.busy || !own.ring)
		return 0;
	own.busy = 1;
	BARRIER();
	const struct np_runtime_event event = {
		.time_ns = now_ns(),
		.stack = stack,
		.pid = here.is.process,
		.tid = own.tid,
		.function = here.is.return_number,
		.what = NP_RUNTIME_RETURN,
	};
	put(&event);
	BARRIER();
	own.busy = 0;
	return 1;
}
