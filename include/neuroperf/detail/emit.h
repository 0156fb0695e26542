/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from neuroperf.h into shared memory, or to a probe. Not an interface: include neuroperf.h.
 *
 * State. One `np__process` and one thread-local `np__thread` per shared object: weak, hidden symbols, so that all
 * translation units of an object share them and no two objects clash. Everything that must be one per *process* (which
 * ring belongs to which thread, which name has which number) lives in the shared memory itself, found by process key,
 * pid and tid; that holds for RTLD_LOCAL libraries, static linking and mixtures of C and C++ alike.
 *
 * Without that memory, definitions and events go the way of usdt.h, to whoever attaches to the running program.
 */
#ifndef NEUROPERF_DETAIL_EMIT_H
#define NEUROPERF_DETAIL_EMIT_H

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <neuroperf/shared_memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What strict ISO C mode (-std=c11) hides from the system headers; the kernel's constants are the same everywhere. */
#if !defined(__cplusplus) && defined(__STRICT_ANSI__)
extern long syscall(long number, ...);
extern int clock_gettime(int clock, struct timespec *now);
extern int madvise(void *address, size_t length, int advice);
#endif
#define NP__CLOCK_MONOTONIC 1
#define NP__O_CLOEXEC 02000000
#define NP__F_GET_SEALS 1034
#define NP__F_SEAL_SHRINK 0x0002
#define NP__MADV_DONTDUMP 16
#define NP__MADV_WIPEONFORK 18
#define NP__MAP_ANONYMOUS 0x20

#define NP__SHARED_BY_OBJECT __attribute__((weak, visibility("hidden")))
#define NP__COLD __attribute__((weak, visibility("hidden"), noinline, cold))
#define NP__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NP__EMIT(type, id, value) np__emit((uint16_t)(type), (id), (value))
#define NP__DEFINE(what, name, kind, facts) np__define((uint32_t)(what), (name), (kind), (facts))

/* glibc keeps room for a few initial-exec variables of libraries loaded late; other C libraries refuse to load such a
 * library at all, so they get the slower model. */
#ifdef __GLIBC__
#define NP__TLS_MODEL , tls_model("initial-exec")
#else
#define NP__TLS_MODEL
#endif

/* A recorder that has not been heard of for so long is taken for gone; looked at only when a ring is full. */
#define NP__PREFETCH_SLOTS 32 /* the recorder has had these lines last: ask for them early */
#define NP__RECORDER_GONE_NS UINT64_C(5000000000)

struct np__process_state {
	uint32_t tried; /* 1: np__start has run */
	uint32_t clock;
	uint32_t mask;                   /* ring_slots - 1 */
	volatile uint32_t *same_process; /* 1 in the process that set it, 0 in a forked child */
	volatile uint32_t *quick; /* same_process; with the slow clock, a 0: np__write does not know that clock */
	struct np_shm_header *header;
};

struct np__thread_state {
	struct np_ring *ring;
	struct np_slot *slots;
	int refused; /* 1: no ring was free; counted, not tried again */
};

NP__SHARED_BY_OBJECT struct np__process_state np__process = {0, 0, 0, 0, 0, 0};
__attribute__((weak, visibility("hidden") NP__TLS_MODEL)) __thread struct np__thread_state np__thread = {0, 0, 0};

#ifdef __cplusplus
} /* extern "C" */
#endif

#include <neuroperf/detail/usdt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether events go to the shared memory. */
static inline int np__is_on(void)
{
	return __atomic_load_n(&np__probe.listeners.by.shared_memory, __ATOMIC_RELAXED) != 0;
}

static inline void np__switch_off(void)
{
	__atomic_store_n(&np__probe.listeners.by.shared_memory, (uint16_t)0, __ATOMIC_RELAXED);
}

static inline uint64_t np__monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(NP__CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* The CPU's constant counter; 0 where there is none that we know. */
static inline uint64_t np__counter(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return 0;
#endif
}

static inline uint64_t np__stamp(void)
{
	return np__process.clock == NP_CLOCK_COUNTER ? np__counter() : np__monotonic_ns();
}

/* Differs between two programs that had the same pid; equal in all objects of a process and in its forked children. */
static inline uint64_t np__process_key(void)
{
	uint64_t key = 0;
	const void *random = (const void *)getauxval(AT_RANDOM);
	if (random)
		memcpy(&key, random, sizeof key);
	return key;
}

/* A descriptor of the recorder's memfd: the inherited one, else (the program closed it) opened through the recorder.
 * -1 if neither is there. *owned says whether the caller closes it. */
NP__COLD int np__open_memory(const char *spec, uint64_t *cookie, int *owned)
{
	char path[64];
	int fd, recorder, seals;
	unsigned long long number;
	if (sscanf(spec, "%d:%d:%llx", &fd, &recorder, &number) != 3 || fd < 0)
		return -1;
	*cookie = number;
	*owned = 0;
	seals = fcntl(fd, NP__F_GET_SEALS);
	if (seals >= 0 && (seals & NP__F_SEAL_SHRINK))
		return fd;
	snprintf(path, sizeof path, "/proc/%d/fd/%d", recorder, fd);
	fd = open(path, O_RDWR | O_NOCTTY | NP__O_CLOEXEC);
	if (fd < 0)
		return -1;
	*owned = 1;
	seals = fcntl(fd, NP__F_GET_SEALS);
	if (seals >= 0 && (seals & NP__F_SEAL_SHRINK))
		return fd;
	close(fd);
	return -1;
}

/* Maps the recorder's memory; NULL if it is not the memory of this version and cookie. */
NP__COLD struct np_shm_header *np__map_memory(int fd, uint64_t cookie)
{
	struct np_shm_header *header;
	struct stat info;
	uint64_t size;
	void *map;
	/* Reading a mapping behind the end of its file is a SIGBUS. */
	if (fstat(fd, &info) != 0 || (uint64_t)info.st_size < sizeof *header)
		return NULL;
	map = mmap(NULL, sizeof *header, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	header = (struct np_shm_header *)map;
	size = header->magic == NP_SHM_MAGIC && header->version == NP_SHM_VERSION && header->cookie == cookie &&
			       header->total_size <= (uint64_t)info.st_size
		       ? header->total_size
		       : 0;
	munmap(map, sizeof *header);
	if (size == 0)
		return NULL;
	map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	madvise(map, (size_t)size, NP__MADV_DONTDUMP);
	return (struct np_shm_header *)map;
}

/* Looks for the recorder, once per object and process image. Runs before main and before the first definition. */
NP__COLD void np__start(void)
{
	const char *spec = getenv(NP_SHM_ENVIRONMENT);
	struct np_shm_header *header;
	uint64_t cookie = 0;
	void *page;
	int fd, owned = 0;
	/* A set-user-ID program must not write where its caller's environment says. */
	if (__atomic_exchange_n(&np__process.tried, 1, __ATOMIC_ACQ_REL) || !spec || getauxval(AT_SECURE))
		return;
	fd = np__open_memory(spec, &cookie, &owned);
	if (fd < 0)
		return;
	header = np__map_memory(fd, cookie);
	if (owned)
		close(fd);
	if (!header)
		return;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | NP__MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || madvise(page, 4096, NP__MADV_WIPEONFORK) != 0) {
		munmap(header, (size_t)header->total_size);
		return;
	}
	np__process.header = header;
	np__process.clock = header->clock;
	np__process.mask = header->ring_slots - 1;
	np__process.same_process = (volatile uint32_t *)page;
	*np__process.same_process = 1;
	np__process.quick = np__process.same_process + (np__process.clock == NP_CLOCK_COUNTER ? 0 : 1);
	__atomic_store_n(&np__probe.listeners.by.shared_memory, (uint16_t)1, __ATOMIC_RELEASE);
}

__attribute__((constructor, used)) static void np__start_before_main(void)
{
	np__start();
}

static inline char *np__at(uint64_t offset)
{
	return (char *)np__process.header + offset;
}

static inline uint32_t np__pid_namespace(void)
{
	struct stat info;
	return stat("/proc/self/ns/pid", &info) == 0 ? (uint32_t)info.st_ino : 0;
}

/* This thread's ring: the one another object of the process has claimed for it, else a free one. 0 if there is none. */
NP__COLD int np__claim_ring(void)
{
	struct np_shm_header *header = np__process.header;
	struct np_ring *rings = (struct np_ring *)np__at(header->rings_offset);
	const uint64_t key = np__process_key();
	const uint32_t pid = (uint32_t)getpid();
	const uint32_t tid = (uint32_t)syscall(SYS_gettid);
	const uint32_t high = __atomic_load_n(&header->ring_high, __ATOMIC_ACQUIRE);
	const uint32_t pid_namespace = np__pid_namespace(); /* a child in another one may have our numbers and key */
	uint32_t i, free_state, seen;
	for (i = 0; i < high && i < header->ring_count; i++)
		if (__atomic_load_n(&rings[i].state, __ATOMIC_ACQUIRE) == NP_RING_LIVE && rings[i].tid == tid &&
		    rings[i].pid == pid && rings[i].process_key == key && rings[i].pid_namespace == pid_namespace)
			goto found;
	for (i = 0; i < header->ring_count; i++) {
		free_state = NP_RING_FREE;
		if (__atomic_compare_exchange_n(&rings[i].state, &free_state, NP_RING_CLAIMED, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			break;
	}
	if (i == header->ring_count)
		return 0;
	rings[i].pid = pid;
	rings[i].tid = tid;
	rings[i].process_key = key;
	rings[i].pid_namespace = pid_namespace;
	rings[i].tail_seen = __atomic_load_n(&rings[i].tail, __ATOMIC_ACQUIRE);
	rings[i].head = rings[i].tail_seen;
	rings[i].busy = 0;
	seen = __atomic_load_n(&header->ring_high, __ATOMIC_RELAXED);
	while (seen < i + 1 &&
	       !__atomic_compare_exchange_n(&header->ring_high, &seen, i + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
	}
	__atomic_store_n(&rings[i].state, NP_RING_LIVE, __ATOMIC_RELEASE);
found:
	np__thread.slots = (struct np_slot *)np__at(header->slots_offset + header->slots_stride * i);
	np__thread.ring = &rings[i];
	return 1;
}

/* Gives the thread a ring before its first event, and after a fork. 0: do not record this event. */
NP__COLD int np__prepare_thread(void)
{
	if (!*np__process.same_process) {
		*np__process.same_process = 1;
		np__thread.ring = NULL;
		np__thread.refused = 0;
	}
	if (!__atomic_load_n(&np__process.header->active, __ATOMIC_RELAXED)) {
		np__switch_off();
		return 0;
	}
	if (np__thread.ring || (!np__thread.refused && np__claim_ring()))
		return 1;
	np__thread.refused = 1;
	__atomic_fetch_add(&np__process.header->lost_without_ring, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Room for one more slot? Looks at the recorder's position; switches events off when the recorder is gone. */
NP__COLD int np__make_room(struct np_ring *ring)
{
	const struct np_shm_header *header = np__process.header;
	ring->tail_seen = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
	if (ring->head - ring->tail_seen <= np__process.mask)
		return 1;
	__atomic_fetch_add(&ring->lost, 1, __ATOMIC_RELAXED); /* a handler may count at the same time */
	if ((__atomic_load_n(&ring->lost, __ATOMIC_RELAXED) & 1023) == 1 &&
	    np__monotonic_ns() > __atomic_load_n(&header->heartbeat_ns, __ATOMIC_RELAXED) + NP__RECORDER_GONE_NS)
		np__switch_off();
	return 0;
}

static inline void np__fill(struct np_ring *ring, uint64_t head, uint64_t stamp, uint16_t type, uint32_t id,
			    uint64_t value)
{
	struct np_slot *slot = &np__thread.slots[head & np__process.mask];
	/* id, type and reserved are neighbours: one store instead of three. */
	const uint64_t what = (uint64_t)id | (uint64_t)type << 32;
	__builtin_prefetch(slot + NP__PREFETCH_SLOTS, 1);
	slot->stamp = stamp;
	slot->value = value;
	memcpy((char *)slot + offsetof(struct np_slot, id), &what, sizeof what);
	__atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
}

/* The whole way, for whatever np__write does not handle itself. */
NP__COLD void np__write_with_care(uint16_t type, uint32_t id, uint64_t value)
{
	struct np_ring *ring = np__thread.ring;
	if (!ring || !*np__process.same_process || !__atomic_load_n(&np__process.header->active, __ATOMIC_RELAXED)) {
		if (!np__prepare_thread())
			return;
		ring = np__thread.ring;
	}
	if (ring->busy) {
		__atomic_fetch_add(&ring->lost, 1, __ATOMIC_RELAXED); /* a handler may count at the same time */
		return;
	}
	ring->busy = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (ring->head - ring->tail_seen <= np__process.mask || np__make_room(ring))
		np__fill(ring, ring->head, np__stamp(), type, id, value);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ring->busy = 0;
}

/* The hot path. It has no call but the last one in its rare cases, so that it needs no registers saved. That the
 * recorder has ended is noticed when the ring is full: looking each time would cost more than the events in between. */
NP__SHARED_BY_OBJECT __attribute__((noinline)) void np__write(uint16_t type, uint32_t id, uint64_t value)
{
	struct np_ring *const ring = np__thread.ring;
	uint64_t head;
	if (NP__UNLIKELY(!np__is_on())) {
		np__write_usdt(type, id, value);
		return;
	}
	if (NP__UNLIKELY(!ring || !*np__process.quick || ring->busy))
		goto care;
	ring->busy = 1; /* before the position is read: a handler in between would write to the same slot */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	head = ring->head;
	if (NP__UNLIKELY(head - ring->tail_seen > np__process.mask)) {
		ring->busy = 0;
		goto care;
	}
	np__fill(ring, head, np__counter(), type, id, value);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ring->busy = 0;
	return;
care:
	np__write_with_care(type, id, value);
}

static inline void np__emit(uint16_t type, uint32_t id, uint64_t value)
{
	if (NP__UNLIKELY(__atomic_load_n(&np__probe.listeners.any, __ATOMIC_RELAXED)))
		np__write(type, id, value);
}

static inline int np__is_recording(void)
{
	return np__is_on() ? __atomic_load_n(&np__process.header->active, __ATOMIC_RELAXED) != 0
			   : __atomic_load_n(&np__probe.listeners.any, __ATOMIC_RELAXED) != 0;
}

/* FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
static inline uint32_t np__hash(uint32_t hash, const void *data, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)data;
	size_t i;
	for (i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

/* Copies at most room - 1 bytes without cutting a UTF-8 sequence. */
static inline void np__copy_text(char *to, const char *from, size_t room)
{
	size_t length = from ? strlen(from) : 0;
	if (length >= room)
		for (length = room - 1; length > 0 && ((unsigned char)from[length] & 0xC0) == 0x80; length--) {
		}
	if (length)
		memcpy(to, from, length);
	memset(to + length, 0, room - length);
}

static inline int np__same_definition(const struct np_definition *a, const struct np_definition *b)
{
	return a->hash == b->hash && np__same_content(a, b);
}

static inline struct np_definition *np__definition(uint32_t number)
{
	return (struct np_definition *)np__at(np__process.header->definitions_offset) + (number - 1);
}

/* Writes the definition into the table, for others to compare but not for the recorder yet; its number, or 0 when the
 * table is full. */
NP__COLD uint32_t np__append_definition(const struct np_definition *definition)
{
	struct np_shm_header *header = np__process.header;
	struct np_definition *entry;
	uint32_t number = __atomic_add_fetch(&header->definition_count, 1, __ATOMIC_ACQ_REL);
	if (number > header->definition_capacity)
		return 0;
	entry = np__definition(number);
	memcpy((char *)entry + sizeof entry->state, (const char *)definition + sizeof entry->state,
	       sizeof *entry - sizeof entry->state);
	return number;
}

/* The number of this definition, the same for all who define the same; 0 when the table is full. Not NP__COLD: the
 * compiler would take all that a program does after a definition for cold code. */
NP__SHARED_BY_OBJECT __attribute__((noinline)) uint32_t np__define(uint32_t what, const char *name, const char *kind,
								   const np_layer_facts *facts)
{
	struct np_definition wanted;
	uint32_t *index, capacity, i, probes, number = 0, found;
	np__start();
	memset(&wanted, 0, sizeof wanted);
	np__copy_text(wanted.name, name, sizeof wanted.name);
	np__copy_text(wanted.kind, kind, sizeof wanted.kind);
	wanted.what = what;
	if (facts) {
		wanted.neurons = facts->neurons;
		wanted.synapses = facts->synapses;
		wanted.macs = facts->macs;
		wanted.parameters = facts->parameters;
	}
	wanted.hash = np__hash(2166136261u, &wanted.what, sizeof wanted - offsetof(struct np_definition, what));
	wanted.stamp = np__stamp();
	wanted.pid = (uint32_t)getpid();
	wanted.tid = (uint32_t)syscall(SYS_gettid);
	if (!np__is_on())
		return np__define_local(&wanted);
	index = (uint32_t *)np__at(np__process.header->index_offset);
	capacity = np__process.header->index_capacity;
	for (i = wanted.hash & (capacity - 1), probes = 0; probes < capacity; i = (i + 1) & (capacity - 1), probes++) {
		found = __atomic_load_n(&index[i], __ATOMIC_ACQUIRE);
		if (found == 0) {
			if (number == 0 && (number = np__append_definition(&wanted)) == 0)
				return 0;
			if (__atomic_compare_exchange_n(&index[i], &found, number, 0, __ATOMIC_ACQ_REL,
							__ATOMIC_ACQUIRE)) {
				__atomic_store_n(&np__definition(number)->state, NP_DEFINITION_READY, __ATOMIC_RELEASE);
				return number;
			}
		}
		if (found <= np__process.header->definition_capacity &&
		    np__same_definition(np__definition(found), &wanted)) {
			if (number != 0)
				__atomic_store_n(&np__definition(number)->state, NP_DEFINITION_ABANDONED,
						 __ATOMIC_RELEASE);
			return found;
		}
	}
	return 0; /* the index is full, which is twice as large as the table: somebody has overwritten it */
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* NEUROPERF_DETAIL_EMIT_H */
