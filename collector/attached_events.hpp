// SPDX-License-Identifier: Apache-2.0
// Events of instrumented programs that run already: attaches to their USDT probes (include/neuroperf/attach.h).
//
// A uprobe on every probe site of every object of the given processes, all their threads; a BPF program puts each hit
// into one ring buffer (bpf/usdt_events.bpf.c). While attached, the kernel keeps the probes' semaphores up; when this
// object goes, or the recorder dies, they go down and the sites are nops again. Children that a process forks are
// attached to as soon as the kernel tells of them, and so are programs that are started; events of their first
// moments (AttachedEventsCounts::latest_child_ns) are missing. Needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE.
//
// One thread. In each round: drain, then take_definitions; a round should come soon after descriptor() is readable.
// About once a second: rescan. At the end: detach, then drain and take_definitions once more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "collector/own_event_encoder.hpp"
#include "collector/shared_rings.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

struct AttachedTarget {
	std::vector<int> pids; // must be there
	// Processes to look at besides, asked for at the start and at each rescan; may be empty.
	std::function<std::vector<int>()> list;
	bool every_program = false; // of whatever process, as soon as it is started
};

struct AttachedEventsCounts {
	uint64_t processes = 0, processes_gone = 0;   // looked at, with and without probes
	uint64_t children = 0;                        // of them, forked while we were attached
	uint64_t children_missed = 0;                 // ended before we could look at them
	uint64_t latest_child_ns = 0;                 // how long after the fork a child was attached to, at most
	uint64_t notices_lost = 0;                    // children that we were not told of
	uint64_t inherited_calls = 0;                 // taken out of children
	uint64_t inherited_calls_left = 0;            // that we may not write to, so that they are not attached to
	uint64_t sites_found = 0, sites_attached = 0; // so far, in each process
	uint64_t sites_failed = 0;                    // the kernel refused
	uint64_t objects_unreadable = 0;
	uint64_t events = 0;           // taken out of the ring
	uint64_t dropped = 0;          // the ring was full
	uint64_t recursion_misses = 0; // hits during which the program was running already
	uint64_t bad_records = 0;      // no event of a type we know
	uint64_t unknown_handles = 0;  // events whose definition was not found: unnamed
	uint64_t definitions = 0;
	uint64_t malformed_definitions = 0;
	uint64_t definitions_lost = 0;   // more than a recording has numbers for
	uint64_t recorded_elsewhere = 0; // objects whose events go to another recorder that launched them
	uint64_t outside_namespace = 0;  // events of threads whose pid namespace is not below ours
};

class AttachedEvents {
public:
	// A process without probes is no error: sites_found is then 0. The ring's size is rounded up to a power of two.
	// Definitions get numbers from `first_id` on; beside shared rings, kFirstIdBesideSharedRings keeps them apart.
	static constexpr uint32_t kFirstIdBesideSharedRings = 32769;
	static Result<AttachedEvents> open(AttachedTarget target, std::size_t ring_bytes, uint32_t first_id = 1);
	static Result<AttachedEvents> open(const std::vector<int> &pids, std::size_t ring_bytes, uint32_t first_id = 1);
	~AttachedEvents();
	AttachedEvents(AttachedEvents &&other) noexcept;
	AttachedEvents &operator=(AttachedEvents &&) = delete;

	// Attaches to new children, and gives all events in the ring to the encoder. Returns how full it was, 0 to 1.
	double drain(OwnEventEncoder *encoder);
	// Definitions that have been found since the last call.
	std::vector<Definition> take_definitions();
	// Attaches to objects that have been loaded since, reads definitions, notices processes that are gone. Reads
	// /proc/PID/maps of each: call it about once a second.
	void rescan();
	// Takes all probes away; what is in the ring stays there to be drained.
	void detach();

	// To poll: readable when there is a new process to attach to; -1 if the kernel does not tell.
	int descriptor() const;
	// Why it does not; empty if it does. New processes are then found by rescan.
	const std::string &why_not_at_once() const;
	// Whether a process is left that may emit events.
	bool has_processes() const;
	// Whether the kernel turns our probes into calls.
	bool uses_calls() const;
	// Whether probes are links of their own, which need fewer capabilities than perf events on instructions.
	bool uses_links() const;
	const AttachedEventsCounts &counts() const;

private:
	struct Impl;
	explicit AttachedEvents(std::unique_ptr<Impl> impl);

	std::unique_ptr<Impl> impl_;
};

} // namespace neuroperf::collector
