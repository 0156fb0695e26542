// SPDX-License-Identifier: Apache-2.0
// The recorder's side of bpf/mapped_rings.bpf.h: rings of a BPF program in mapped memory, one for each CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bpf/mapped_ring.h"
#include "collector/bpf_support.hpp"

struct bpf_map;

namespace neuroperf::collector {

struct MappedRingMaps {
	bpf_map *positions = nullptr, *chunks = nullptr, *wakeups = nullptr;
};

class MappedRings {
public:
	using Take = void (*)(void *context, std::string_view record);

	MappedRings() = default;
	~MappedRings();
	MappedRings(const MappedRings &) = delete;
	MappedRings &operator=(const MappedRings &) = delete;

	// Before the program is loaded: how large its maps are to be. `ring_bytes`: of each CPU, as from
	// bpf_ring_bytes. Returns 0, or libbpf's error.
	static int size(const MappedRingMaps &maps, const std::vector<unsigned> &cpus, std::size_t ring_bytes);
	// Once it is loaded. False: errno says why not, `doing` what failed.
	bool map(const MappedRingMaps &maps, const std::vector<unsigned> &cpus, std::size_t ring_bytes,
		 std::string_view *doing);
	// Others of the same kind, which somebody else has mapped and lets be written by a program: nobody wakes up.
	void use(np_ring_positions *positions, const char *chunks, unsigned rings, std::size_t ring_bytes);

	int descriptor() const; // readable when a ring asks to be drained
	// With more than so many bytes a ring asks, once until it is opened; half of it without this. One that is more
	// than half full when it is closed does not ask: come back soon.
	void ask_at(uint64_t bytes);
	// Gives what was in the rings when it began to `take`, ring by ring. Returns how full the fullest was, 0 to 1.
	double drain(Take take, void *context);

	// Where one reads a ring: from what has not been read, to what was there when it was opened.
	struct Cursor {
		unsigned cpu = 0;
		uint64_t begin = 0, at = 0, end = 0;
	};
	const std::vector<unsigned> &cpus() const { return cpus_; }
	void heed_wakeups();
	Cursor open(unsigned cpu);
	// The record there; without data if there is none left.
	std::string_view record(Cursor *cursor);
	void pass(Cursor *cursor); // it; to be called after record()
	// What has not been passed is there the next time. Returns how full the ring was or is, 0 to 1.
	double close(const Cursor &cursor);
	// All that was written has been passed.
	bool is_empty(unsigned cpu) const;
	// Contents that make no sense; the ring was emptied.
	uint64_t corrupt() const { return corrupt_; }

private:
	void tell_read(const Cursor &cursor);

	std::vector<unsigned> cpus_;
	std::vector<uint64_t> read_; // by CPU: what is in the memory is for the writer
	std::size_t ring_bytes_ = 0;
	np_ring_positions *positions_ = nullptr; // by CPU
	const char *chunks_ = nullptr;
	std::size_t positions_bytes_ = 0, chunks_bytes_ = 0; // mapped; 0: by somebody else
	BpfRing wakeups_;
	uint64_t corrupt_ = 0;
};

} // namespace neuroperf::collector
