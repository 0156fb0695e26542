/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe that a recorder attaches to (attach.h), and the definitions it finds beside it. Not an interface: include
 * neuroperf.h.
 *
 * The site is written in assembly, outside of any function, because everything about it matters: which registers hold
 * the arguments, that nothing lies below the stack pointer, that the nops are neighbours on one page. A COMDAT group
 * leaves one per object, however many translation units have it; an assembler that sees it twice (LTO) skips the
 * second.
 */
#ifndef NEUROPERF_DETAIL_USDT_H
#define NEUROPERF_DETAIL_USDT_H

#include <neuroperf/attach.h>
#include <neuroperf/shared_memory.h>

#if defined(__x86_64__) && defined(__LP64__)
#define NP__SITE_NOPS "nop\n.byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
#define NP__SITE_ARGUMENTS "4@%edi 4@%esi 8@%rdx"
#define NP__SECTION_TYPE "@"
#elif defined(__aarch64__) && defined(__LP64__)
#define NP__SITE_NOPS "nop\n"
#define NP__SITE_ARGUMENTS "4@x0 4@x1 8@x2" /* x, not w: the readers of these notes know no other */
#define NP__SECTION_TYPE "%"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "used": the assembly below names it, which link-time optimisation does not see. */
__attribute__((weak, visibility("hidden"), used, section(".probes"), aligned(64))) struct np_probe np__probe = {
	{0}, NP_PROBE_VERSION, NP_PROBE_MAGIC, 0, 0, 0, {0}, {0}};

#ifdef NP__SITE_NOPS
__attribute__((visibility("hidden"))) extern void np__usdt_event(uint32_t type, uint32_t id, uint64_t value);

#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define NP__CFI(directive) ".cfi_" directive "\n"
#else
#define NP__CFI(directive)
#endif

/* The note's layout: https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation */
__asm__(".ifndef np__usdt_event\n"
	".pushsection .text.np__usdt_event,\"axG\"," NP__SECTION_TYPE "progbits,np__usdt_event,comdat\n"
	".balign 16\n"
	".weak np__usdt_event\n"
	".hidden np__usdt_event\n"
	".type np__usdt_event," NP__SECTION_TYPE "function\n"
	"np__usdt_event:\n" NP__CFI("startproc") "990:\n" NP__SITE_NOPS "ret\n" NP__CFI(
		"endproc") ".size np__usdt_event,.-np__usdt_event\n"
			   ".pushsection .note.stapsdt,\"?\"," NP__SECTION_TYPE "note\n"
			   ".balign 4\n"
			   ".4byte 992f-991f,994f-993f,3\n"
			   "991: .asciz \"stapsdt\"\n"
			   "992: .balign 4\n"
			   "993: .8byte 990b\n"
			   ".8byte _.stapsdt.base\n"
			   ".8byte np__probe+2\n" /* NP_PROBE_SEMAPHORE */
			   ".asciz \"neuroperf\"\n"
			   ".asciz \"event\"\n"
			   ".asciz \"" NP__SITE_ARGUMENTS "\"\n"
			   "994: .balign 4\n"
			   ".popsection\n"
			   ".popsection\n"
			   ".ifndef _.stapsdt.base\n"
			   ".pushsection .stapsdt.base,\"aG\"," NP__SECTION_TYPE "progbits,.stapsdt.base,comdat\n"
			   ".weak _.stapsdt.base\n"
			   ".hidden _.stapsdt.base\n"
			   "_.stapsdt.base: .space 1\n"
			   ".size _.stapsdt.base,1\n"
			   ".popsection\n"
			   ".endif\n"
			   ".endif\n");
#else
/* No site is known for this machine: nobody attaches. */
static inline void np__usdt_event(uint32_t type, uint32_t id, uint64_t value)
{
	(void)type;
	(void)id;
	(void)value;
}
#endif

/*
 * Forked children. A child inherits the call that the kernel has put into its parent's site, but on Linux 6.18 not the
 * memory that is called, and would crash there. So a word that the kernel clears in a child says whether this process
 * has used the site itself; a child that finds a call there which it has not seen made leaves the site alone until
 * the recorder has taken the call away. (The kernel never does, nor does it lower the child's copy of the semaphore:
 * without our recorder, events of such a child cost a few nanoseconds more, for nobody.)
 */
enum np__site_use {
	NP__SITE_NEW = 0,       /* of this process nobody has used the site */
	NP__SITE_USED = 1,      /* what is there, the kernel has put there for this process */
	NP__SITE_INHERITED = 2, /* a call is there that the parent got */
};

static inline int np__site_is_call(void)
{
#if defined(NP__SITE_NOPS) && defined(__x86_64__)
	/* Volatile: the kernel rewrites it. Not through a pointer to the function: its bytes are what counts. */
	const volatile unsigned char *site;
	void (*const function)(uint32_t, uint32_t, uint64_t) = np__usdt_event;
	memcpy(&site, &function, sizeof site);
	return site[1] == 0xe8; /* behind the one-byte nop */
#else
	return 0;
#endif
}

/* The word, one for each object; 0 = none yet. */
NP__SHARED_BY_OBJECT uint64_t np__site_use = 0;

/* Memory that stays: who has found its way here may read it at any time. NULL if there is none. */
static inline void *np__map_pages(size_t size)
{
	void *const map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | NP__MAP_ANONYMOUS, -1, 0);
	return map == MAP_FAILED ? NULL : map;
}

/* Before the first event of a process through the site. 0: leave the site alone. */
NP__COLD int np__may_use_site(void)
{
	uint64_t there = __atomic_load_n(&np__site_use, __ATOMIC_ACQUIRE);
	volatile uint32_t *use = (volatile uint32_t *)(uintptr_t)there;
	if (!use) { /* nor has a parent used it */
		void *const page = np__map_pages(4096);
		if (!page || madvise(page, 4096, NP__MADV_WIPEONFORK) != 0) {
			if (page)
				munmap(page, 4096);
			return 0;
		}
		*(volatile uint32_t *)page = NP__SITE_USED;
		if (!__atomic_compare_exchange_n(&np__site_use, &there, (uint64_t)(uintptr_t)page, 0, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			munmap(page, 4096); /* another thread was faster */
		return 1;
	}
	if (*use == NP__SITE_USED)
		return 1;
	*use = np__site_is_call() ? NP__SITE_INHERITED : NP__SITE_USED;
	return *use == NP__SITE_USED;
}

NP__COLD void np__write_usdt_with_care(uint32_t type, uint32_t id, uint64_t value)
{
	if (np__may_use_site())
		np__usdt_event(type, id, value);
}

/* An event that no shared memory takes. Like np__write, it needs no registers saved. */
NP__SHARED_BY_OBJECT __attribute__((noinline)) void np__write_usdt(uint32_t type, uint32_t id, uint64_t value)
{
	const volatile uint32_t *const use =
		(const volatile uint32_t *)(uintptr_t)__atomic_load_n(&np__site_use, __ATOMIC_ACQUIRE);
	if (NP__UNLIKELY(!use || *use != NP__SITE_USED))
		np__write_usdt_with_care(type, id, value);
	else
		np__usdt_event(type, id, value);
}

#define NP__BUCKETS 1024u

/* What `slot` points to; if it is empty yet, new memory of this size. NULL if there is none. */
NP__COLD void *np__map_once(uint64_t *slot, size_t size)
{
	uint64_t there = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
	void *fresh;
	if (there)
		return (void *)(uintptr_t)there;
	fresh = np__map_pages(size);
	if (!fresh || __atomic_compare_exchange_n(slot, &there, (uint64_t)(uintptr_t)fresh, 0, __ATOMIC_ACQ_REL,
						  __ATOMIC_ACQUIRE))
		return fresh;
	munmap(fresh, size);
	return (void *)(uintptr_t)there;
}

/* Place of a definition, counted from 0. NULL if there is no memory. */
static inline struct np_definition *np__local_definition(uint32_t number)
{
	const unsigned chunk = 31u - (unsigned)__builtin_clz(number / NP_PROBE_FIRST_CHUNK + 1);
	const uint32_t first = NP_PROBE_FIRST_CHUNK * ((1u << chunk) - 1);
	struct np_definition *const definitions = (struct np_definition *)np__map_once(
		&np__probe.chunks[chunk], (NP_PROBE_FIRST_CHUNK << chunk) * sizeof(struct np_definition));
	return definitions ? definitions + (number - first) : NULL;
}

/* A number for a new definition, counted from 1; 0 when the table is full. */
static inline uint32_t np__new_local_number(void)
{
	if (__atomic_load_n(&np__probe.definition_count, __ATOMIC_RELAXED) >= NP_PROBE_DEFINITIONS)
		return 0;
	const uint32_t number = __atomic_add_fetch(&np__probe.definition_count, 1, __ATOMIC_ACQ_REL);
	return number <= NP_PROBE_DEFINITIONS ? number : 0;
}

static inline int np__same_content(const struct np_definition *a, const struct np_definition *b)
{
	return a->what == b->what && a->neurons == b->neurons && a->synapses == b->synapses && a->macs == b->macs &&
	       a->parameters == b->parameters && !memcmp(a->name, b->name, sizeof a->name) &&
	       !memcmp(a->kind, b->kind, sizeof a->kind);
}

/* The definition with this handle among those linked behind `number`; NULL if there is none. */
static inline const struct np_definition *np__find_local(uint32_t number, uint32_t handle)
{
	while (number != 0) {
		const struct np_definition *const entry = np__local_definition(number - 1);
		if (entry->hash == handle)
			return entry;
		number = entry->reserved;
	}
	return NULL;
}

/*
 * The handle of this definition where there is no shared memory; 0 when the table is full. Without a lock, because a
 * forked child would keep it: a bucket is a list that only grows at its head.
 */
NP__COLD uint32_t np__define_local(const struct np_definition *wanted)
{
	uint32_t *const buckets = (uint32_t *)np__map_once(&np__probe.buckets, NP__BUCKETS * sizeof(uint32_t));
	uint32_t handle = NP_HANDLE_LOCAL | wanted->hash, number = 0, head;
	struct np_definition *own = NULL;
	const struct np_definition *found;
	while (buckets) {
		uint32_t *const bucket = &buckets[handle % NP__BUCKETS];
		head = __atomic_load_n(bucket, __ATOMIC_ACQUIRE);
		found = np__find_local(head, handle);
		if (found && np__same_content(found, wanted)) {
			if (own)
				__atomic_store_n(&own->state, NP_DEFINITION_ABANDONED, __ATOMIC_RELEASE);
			return handle;
		}
		if (found) {
			handle = NP_HANDLE_LOCAL | (handle + 1);
			continue;
		}
		if (!own) {
			number = np__new_local_number();
			own = number ? np__local_definition(number - 1) : NULL;
			if (!own)
				return 0;
			memcpy((char *)own + sizeof own->state, (const char *)wanted + sizeof own->state,
			       sizeof *own - sizeof own->state);
		}
		own->hash = handle;
		own->reserved = head;
		if (__atomic_compare_exchange_n(bucket, &head, number, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			__atomic_store_n(&own->state, NP_DEFINITION_READY, __ATOMIC_RELEASE);
			return handle;
		}
	}
	return 0;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* NEUROPERF_DETAIL_USDT_H */
