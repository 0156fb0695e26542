// SPDX-License-Identifier: Apache-2.0
#include "collector/shared_rings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace neuroperf::collector {
namespace {

// 1,024 threads at a time; 1 Mi slots of 24 bytes hold 200 ms of 5 million events a second. All of it is sparse:
// memory is taken where a ring was written, and given back behind the reader where the ring is not busy.
constexpr uint32_t kRings = 1024;
constexpr uint32_t kSlots = SharedRings::kRingBytes / sizeof(np_slot);
constexpr uint32_t kDefinitions = 65536;
constexpr uint32_t kIndex = 2 * kDefinitions;
constexpr uint64_t kChunkSlots = 64 * 1024;
constexpr uint64_t kChunkBytes = kChunkSlots * sizeof(np_slot);
static_assert(kChunkBytes % 4096 == 0 && kSlots % kChunkSlots == 0);
// The slots come out of another CPU's cache: ask for them early.
constexpr uint64_t kPrefetchSlots = 32;
// A ring that takes longer than this for a chunk (60,000 events a second) gets its memory back page by page.
constexpr uint64_t kSlowChunkNs = 1'000'000'000;
// A stamp older than this is not a stamp, nor is one later than now by more than CPUs' counters may differ.
constexpr double kPlausibleNs = 60e9;
constexpr double kClockSkewNs = 1e6;
// Longer than a thread that runs needs to finish its event, which reads a clock.
constexpr uint64_t kLookAtBusyRingNs = 3000;
// After that a thread does not go on with its definition: it has ended.
constexpr uint64_t kLongestStallNs = 1'000'000'000;

uint64_t page_aligned(uint64_t size)
{
	return (size + 4095) / 4096 * 4096;
}

np_shm_header make_header(bool use_counter, uint64_t cookie)
{
	np_shm_header header{};
	header.magic = NP_SHM_MAGIC;
	header.version = NP_SHM_VERSION;
	header.clock = use_counter ? NP_CLOCK_COUNTER : NP_CLOCK_MONOTONIC;
	header.cookie = cookie;
	header.ring_count = kRings;
	header.ring_slots = kSlots;
	header.index_capacity = kIndex;
	header.definition_capacity = kDefinitions;
	header.rings_offset = 4096;
	header.index_offset = header.rings_offset + page_aligned(kRings * sizeof(np_ring));
	header.definitions_offset = header.index_offset + page_aligned(kIndex * sizeof(uint32_t));
	header.slots_offset = header.definitions_offset + page_aligned(uint64_t{kDefinitions} * sizeof(np_definition));
	header.slots_stride = kSlots * sizeof(np_slot);
	header.total_size = header.slots_offset + kRings * header.slots_stride;
	header.active = 1;
	header.heartbeat_ns = monotonic_now_ns();
	return header;
}

const np_shm_header kGeometry = make_header(true, 0);

bool is_dead(uint32_t pid, uint32_t tid)
{
	return ::syscall(SYS_tgkill, pid, tid, 0) != 0 && errno == ESRCH;
}

std::string text_of(const char *field, std::size_t room)
{
	return {field, ::strnlen(field, room)};
}

} // namespace

Result<SharedRings> SharedRings::create(bool use_counter)
{
	SharedRings rings;
	auto memory = InheritedMemory::create("neuroperf", kGeometry.total_size);
	if (!memory.ok())
		return memory.error();
	rings.memory_ = std::move(*memory);
	*rings.header() = make_header(use_counter, rings.memory_.cookie());
	struct stat info;
	rings.pid_namespace_ = ::stat("/proc/self/ns/pid", &info) == 0 ? static_cast<uint32_t>(info.st_ino) : 0;
	rings.rings_.resize(kRings);
	return rings;
}

SharedRings::SharedRings(SharedRings &&other) noexcept = default;
SharedRings::~SharedRings() = default;

std::string SharedRings::environment() const
{
	return fmt::format("{}={}:{}:{:x}", NP_SHM_ENVIRONMENT, memory_.descriptor(), ::getpid(), memory_.cookie());
}

np_ring *SharedRings::ring(unsigned index) const
{
	return reinterpret_cast<np_ring *>(static_cast<char *>(memory_.data()) + kGeometry.rings_offset) + index;
}

np_slot *SharedRings::slots(unsigned index) const
{
	return reinterpret_cast<np_slot *>(static_cast<char *>(memory_.data()) + kGeometry.slots_offset +
					   kGeometry.slots_stride * index);
}

double SharedRings::drain(const CounterClock &clock, OwnEventEncoder *encoder)
{
	const uint32_t high = std::min(__atomic_load_n(&header()->ring_high, __ATOMIC_ACQUIRE), kRings);
	uint64_t fullest = 0;
	uint32_t live = 0;
	stalled_writer_ = false;
	for (unsigned i = 0; i < high; i++) {
		if (__atomic_load_n(&ring(i)->state, __ATOMIC_ACQUIRE) != NP_RING_LIVE)
			continue;
		fullest = std::max(fullest, drain_ring(i, clock, encoder));
		live++;
	}
	encoder->flush();
	const uint64_t without_ring = __atomic_load_n(&header()->lost_without_ring, __ATOMIC_RELAXED);
	counts_.lost_without_ring +=
		without_ring > lost_without_ring_seen_ ? without_ring - lost_without_ring_seen_ : 0;
	lost_without_ring_seen_ = without_ring;
	const uint32_t defined = __atomic_load_n(&header()->definition_count, __ATOMIC_RELAXED);
	counts_.definitions_lost = defined > kDefinitions ? defined - kDefinitions : 0;
	return std::max(static_cast<double>(fullest) / kSlots, static_cast<double>(live) / kRings);
}

// The position behind all events that had begun when this was called, but for one whose thread seems to be held up in
// it. A thread that goes on soon ends its event.
uint64_t SharedRings::head_of(const np_ring *shared)
{
	const uint64_t first = __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE);
	const auto goes_on = [&] {
		const bool busy = __atomic_load_n(&shared->busy, __ATOMIC_ACQUIRE) != 0;
		return !busy || __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE) != first;
	};
	if (goes_on())
		return __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE);
	for (const uint64_t begin_ns = monotonic_now_ns(); monotonic_now_ns() - begin_ns < kLookAtBusyRingNs;)
		if (goes_on())
			return __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE);
	stalled_writer_ = true;
	return __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE);
}

// Returns how many events were waiting.
uint64_t SharedRings::drain_ring(unsigned index, const CounterClock &clock, OwnEventEncoder *encoder)
{
	np_ring *const shared = ring(index);
	RingState &state = rings_[index];
	if (!state.used) {
		state.used = true;
		counts_.rings_used++;
	}
	const uint64_t lost = __atomic_load_n(&shared->lost, __ATOMIC_RELAXED);
	counts_.lost += lost > state.lost_seen ? lost - state.lost_seen : 0;
	state.lost_seen = lost;
	const uint64_t head = head_of(shared);
	const uint64_t waiting = head - state.tail;
	if (waiting == 0)
		return 0;
	if (waiting > kSlots) {
		counts_.corrupt_rings++;
		state.tail = head;
		state.chunks_read = head / kChunkSlots;
		__atomic_store_n(&shared->tail, head, __ATOMIC_RELEASE);
		return 0;
	}
	const TaskNumbers who = numbers_of(index);
	const uint64_t bound = clock.latest().counter;
	const auto ticks = [&](double ns) { return static_cast<uint64_t>(ns / clock.ns_per_tick()); };
	const uint64_t oldest = bound - std::min(bound, ticks(kPlausibleNs));
	const uint64_t newest = clock.read_counter() + ticks(kClockSkewNs); // read after `head`: no event is later
	const np_slot *const first = slots(index);
	uint64_t at = state.tail;
	for (; at != head; at++) {
		__builtin_prefetch(&first[(at + kPrefetchSlots) & (kSlots - 1)]);
		np_slot slot;
		std::memcpy(&slot, &first[at & (kSlots - 1)], sizeof slot);
		if (slot.stamp > bound && slot.stamp <= newest)
			break; // belongs to the next round
		if (slot.stamp > newest || slot.stamp < oldest ||
		    !encoder->encode(slot, who.pid, who.tid, clock.to_monotonic_ns(slot.stamp)))
			counts_.malformed++;
	}
	state.tail = at;
	__atomic_store_n(&shared->tail, at, __ATOMIC_RELEASE);
	release_memory(index, head, clock.latest().monotonic_ns);
	return waiting;
}

// Numbers of another pid namespace mean nothing here: they are looked up once, while their thread lives.
TaskNumbers SharedRings::numbers_of(unsigned index)
{
	const np_ring *const shared = ring(index);
	const TaskNumbers told{shared->pid, shared->tid};
	const uint32_t pid_namespace = shared->pid_namespace;
	if (pid_namespace == pid_namespace_ || pid_namespace == 0 || pid_namespace_ == 0)
		return told;
	RingState &state = rings_[index];
	if (state.told != told || state.told_namespace != pid_namespace) {
		state.told = told;
		state.told_namespace = pid_namespace;
		state.here = inside_numbers_.find(pid_namespace, told);
		counts_.unknown_numbers += state.here ? 0 : 1;
	}
	return state.here.value_or(told);
}

// Gives back the memory of chunks that were read, where the ring is slow enough that faulting it in again costs
// nothing. The writer is kept far away; should it still get there, it leaves slots of zeros, which count as malformed.
void SharedRings::release_memory(unsigned index, uint64_t head, uint64_t now_ns)
{
	RingState &state = rings_[index];
	const uint64_t chunks = state.tail / kChunkSlots;
	if (chunks == state.chunks_read)
		return;
	const bool slow =
		now_ns - state.last_chunk_ns > kSlowChunkNs && head - state.chunks_read * kChunkSlots < kSlots / 2;
	for (; state.chunks_read < chunks; state.chunks_read++) {
		const uint64_t chunk = state.chunks_read % (kSlots / kChunkSlots);
		if (slow)
			::fallocate(memory_.descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    static_cast<off_t>(kGeometry.slots_offset + kGeometry.slots_stride * index +
						       chunk * kChunkBytes),
				    static_cast<off_t>(kChunkBytes));
	}
	state.last_chunk_ns = now_ns;
}

std::vector<Definition> SharedRings::take_definitions(const CounterClock &clock)
{
	const auto *table = reinterpret_cast<const np_definition *>(static_cast<char *>(memory_.data()) +
								    kGeometry.definitions_offset);
	const uint32_t defined = std::min(__atomic_load_n(&header()->definition_count, __ATOMIC_ACQUIRE), kDefinitions);
	const uint64_t now_ns = clock.latest().monotonic_ns;
	std::vector<UnfinishedDefinition> candidates = std::move(unfinished_definitions_);
	unfinished_definitions_.clear();
	for (; definitions_read_ < defined; definitions_read_++)
		candidates.push_back({definitions_read_, now_ns});
	stalled_definition_ = false;
	std::vector<Definition> definitions;
	for (const auto &[at, since_ns] : candidates) {
		const uint32_t state = __atomic_load_n(&table[at].state, __ATOMIC_ACQUIRE);
		if (state == NP_DEFINITION_ABANDONED)
			continue;
		if (state != NP_DEFINITION_READY) {
			unfinished_definitions_.push_back({at, since_ns});
			stalled_definition_ |= now_ns - since_ns < kLongestStallNs;
			continue;
		}
		np_definition entry; // a copy: the program may go on writing
		std::memcpy(&entry, &table[at], sizeof entry);
		Definition definition{at + 1,
				      entry.what,
				      text_of(entry.name, sizeof entry.name),
				      text_of(entry.kind, sizeof entry.kind),
				      entry.neurons,
				      entry.synapses,
				      entry.macs,
				      entry.parameters,
				      {}};
		const uint64_t now = clock.latest().counter;
		const bool plausible = entry.stamp <= now &&
				       static_cast<double>(now - entry.stamp) * clock.ns_per_tick() < kPlausibleNs;
		definition.identity = {entry.pid, entry.tid, clock.to_monotonic_ns(plausible ? entry.stamp : now), 0,
				       0};
		definitions.push_back(std::move(definition));
	}
	return definitions;
}

void SharedRings::heartbeat(uint64_t monotonic_ns)
{
	__atomic_store_n(&header()->heartbeat_ns, monotonic_ns, __ATOMIC_RELAXED);
}

void SharedRings::free_rings_of_dead_threads()
{
	const uint32_t high = std::min(__atomic_load_n(&header()->ring_high, __ATOMIC_ACQUIRE), kRings);
	for (unsigned i = 0; i < high; i++)
		if (__atomic_load_n(&ring(i)->state, __ATOMIC_ACQUIRE) == NP_RING_LIVE && is_abandoned(i))
			free_ring(i);
}

// The ring's thread is gone, and all it wrote was read.
bool SharedRings::is_abandoned(unsigned index) const
{
	const np_ring *const shared = ring(index);
	const RingState &state = rings_[index];
	TaskNumbers who{shared->pid, shared->tid};
	if (pid_namespace_ == 0 || shared->pid_namespace == 0)
		return false;
	if (shared->pid_namespace != pid_namespace_) {
		// Of a thread that was not found nobody can say whether it lives: its ring is kept.
		if (!state.here || state.told != who || state.told_namespace != shared->pid_namespace)
			return false;
		who = *state.here;
	}
	return is_dead(who.pid, who.tid) && __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE) == state.tail;
}

void SharedRings::free_ring(unsigned index)
{
	np_ring *const shared = ring(index);
	// Out of reach first: a new thread with the old one's number could just be taking it for its own.
	__atomic_store_n(&shared->state, NP_RING_CLAIMED, __ATOMIC_SEQ_CST);
	if (!is_abandoned(index)) {
		__atomic_store_n(&shared->state, NP_RING_LIVE, __ATOMIC_RELEASE);
		return;
	}
	::fallocate(memory_.descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    static_cast<off_t>(kGeometry.slots_offset + kGeometry.slots_stride * index),
		    static_cast<off_t>(kGeometry.slots_stride));
	rings_[index].used = false;
	rings_[index].told_namespace = 0;
	__atomic_store_n(&shared->state, NP_RING_FREE, __ATOMIC_RELEASE);
}

void SharedRings::deactivate()
{
	__atomic_store_n(&header()->active, 0, __ATOMIC_RELEASE);
}

} // namespace neuroperf::collector
