// SPDX-License-Identifier: Apache-2.0
// Records of BPF programs that may preempt each other, from mapped rings of the CPUs and from the ring beside them into
// which a program writes while another one has its CPU's, and of threads that have rings of their own: in the order of
// the times with which all of them begin.
//
// A thread's records come in its own order, on whichever CPUs it ran: one is in its ring before the thread can have a
// later time, so whoever looks at the rings from a moment on sees all that the thread wrote before any record with a
// time before that moment. The only exception is a thread that writes to the ring beside while somebody who does that
// too is preempted. Records of other threads may come late, by as long as theirs were preempted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "collector/mapped_rings.hpp"

namespace neuroperf::collector {

class TimedRings {
public:
	using Take = MappedRings::Take;

	// As MappedRings has them. `beside`: a ring of BPF's.
	static int size(const MappedRingMaps &maps, const std::vector<unsigned> &cpus, std::size_t ring_bytes)
	{
		return MappedRings::size(maps, cpus, ring_bytes);
	}
	bool map(const MappedRingMaps &maps, const bpf_map *beside, const std::vector<unsigned> &cpus,
		 std::size_t ring_bytes, std::string_view *doing);

	// Rings of threads, beside those of the CPUs; must stay.
	void add_rings_of_threads(MappedRings *rings) { of_threads_ = rings; }

	// The recorder wants to be asked to come when more than so many bytes are in a ring. Half of it before that.
	void ask_at(uint64_t bytes)
	{
		rings_.ask_at(bytes);
		if (of_threads_ != nullptr)
			of_threads_->ask_at(bytes);
	}
	// Gives the records that are there with times before `until_ns` to `take`; others stay. Returns how full the
	// fullest of the rings was, 0 to 1.
	double drain(uint64_t until_ns, Take take, void *context);
	// From how many of the rings something came the last time.
	std::size_t in_use() const { return in_use_; }
	// Contents that make no sense; the ring was emptied.
	uint64_t corrupt() const { return rings_.corrupt() + (of_threads_ ? of_threads_->corrupt() : 0) + too_small_; }

private:
	struct Next {
		uint64_t time_ns;
		std::size_t source; // index of a cursor; behind the last one: beside_
		bool operator>(const Next &other) const { return time_ns > other.time_ns; }
	};
	MappedRings &rings_of(std::size_t source) { return source < first_of_threads_ ? rings_ : *of_threads_; }
	std::string_view record_of(std::size_t source);
	bool find_next(std::size_t source, Next *next);
	void pass(std::size_t source);

	MappedRings rings_;
	MappedRings *of_threads_ = nullptr;
	std::size_t first_of_threads_ = 0; // of the cursors
	BpfRing beside_ring_;
	std::deque<std::string> beside_; // its records that have not been taken
	std::vector<MappedRings::Cursor> cursors_;
	std::vector<Next> nexts_; // a heap, the earliest first
	std::size_t in_use_ = 0;
	uint64_t too_small_ = 0;
};

} // namespace neuroperf::collector
