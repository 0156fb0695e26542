// SPDX-License-Identifier: Apache-2.0
// The recorder's side of the memory shared with the program (include/neuroperf/shared_memory.h).
//
// Everything in there is hostile input: the geometry is kept here, positions and contents are checked on every look,
// and what makes no sense is counted and skipped. The memory is sealed against resizing, so reading it cannot fault.
#pragma once

#include <neuroperf/shared_memory.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/clock.hpp"
#include "collector/inherited_memory.hpp"
#include "collector/inside_numbers.hpp"
#include "collector/own_event_encoder.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

struct Definition {
	uint32_t id = 0;
	uint32_t what = 0; // enum np_definition_what
	std::string name, kind;
	uint64_t neurons = 0, synapses = 0, macs = 0, parameters = 0;
	recording::RecordIdentity identity; // who defined it, and when
};

struct SharedRingsCounts {
	uint64_t lost = 0;              // rings were full, or a signal handler interrupted an event
	uint64_t lost_without_ring = 0; // more threads than rings
	uint64_t malformed = 0;         // slots that hold no event
	uint64_t corrupt_rings = 0;     // positions that make no sense; the ring was set back
	uint64_t definitions_lost = 0;
	uint64_t unknown_numbers = 0; // threads in other pid namespaces that are not found here
	uint64_t rings_used = 0;      // claims: a ring that was free in between counts again
};

class SharedRings {
public:
	// Memory of one thread's events, at most.
	static constexpr uint64_t kRingBytes = 24 << 20;

	static Result<SharedRings> create(bool use_counter);
	~SharedRings();
	SharedRings(SharedRings &&other) noexcept;
	SharedRings &operator=(SharedRings &&) = delete;

	// The descriptor the program must inherit, and the environment variable ("NAME=value") that names it.
	int descriptor() const { return memory_.descriptor(); }
	std::string environment() const;

	// Takes every event up to the clock's latest moment and gives it to the encoder. Returns how near to a loss it
	// was, 0 to 1: the fullest ring, or the share of rings in use.
	double drain(const CounterClock &clock, OwnEventEncoder *encoder);
	// Definitions that have appeared since the last call. Call it after drain: what a drained event refers to is
	// there.
	std::vector<Definition> take_definitions(const CounterClock &clock);
	// Tells programs that somebody drains.
	void heartbeat(uint64_t monotonic_ns);
	// Gives the rings of threads that are gone to others: one system call a ring.
	void free_rings_of_dead_threads();
	// True if a thread was held up inside an event in the last drain, or in a definition: when it goes on, that may
	// be older than what was drained meanwhile, and others use the definition already.
	bool has_stalled_writer() const { return stalled_writer_ || stalled_definition_; }
	// Switches events off in all programs.
	void deactivate();

	const SharedRingsCounts &counts() const { return counts_; }

private:
	struct RingState {
		uint64_t lost_seen = 0;
		uint64_t chunks_read = 0;        // chunks of slots that were read to their end
		uint64_t last_chunk_ns = 0;      // when the last of them was
		uint64_t tail = 0;               // our own copy: the one in shared memory is for the program to read
		TaskNumbers told;                // by a thread of another pid namespace, ...
		uint32_t told_namespace = 0;     // ... this one
		std::optional<TaskNumbers> here; // its numbers in ours
		bool used = false;               // since it was last free
	};
	struct UnfinishedDefinition {
		uint32_t at;
		uint64_t since_ns;
	};
	SharedRings() = default;
	np_shm_header *header() const { return static_cast<np_shm_header *>(memory_.data()); }
	np_ring *ring(unsigned index) const;
	np_slot *slots(unsigned index) const;
	uint64_t head_of(const np_ring *shared);
	uint64_t drain_ring(unsigned index, const CounterClock &clock, OwnEventEncoder *encoder);
	TaskNumbers numbers_of(unsigned index);
	bool is_abandoned(unsigned index) const;
	void free_ring(unsigned index);
	void release_memory(unsigned index, uint64_t head, uint64_t now_ns);

	InheritedMemory memory_;
	uint32_t pid_namespace_ = 0;
	InsideNumbers inside_numbers_;
	std::vector<RingState> rings_;
	uint32_t definitions_read_ = 0;
	std::vector<UnfinishedDefinition> unfinished_definitions_;
	uint64_t lost_without_ring_seen_ = 0;
	bool stalled_writer_ = false, stalled_definition_ = false;
	SharedRingsCounts counts_;
};

} // namespace neuroperf::collector
