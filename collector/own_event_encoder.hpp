// SPDX-License-Identifier: Apache-2.0
// Turns in-process events into perf.data records of our own tracepoints and hands them to the writer.
//
// The hot path of the recorder: one call per event. After a write error everything further is
// counted as lost, and status() keeps the error.
#pragma once

#include <neuroperf/shared_memory.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/thread_switches.h"
#include "recording/event_formats.hpp"
#include "recording/records.hpp"
#include "recording/writer.hpp"

namespace neuroperf::collector {

// Event ids of our own events in a file; those of the kernel count from small numbers up.
constexpr uint64_t kOwnIdBase = uint64_t{1} << 48;
constexpr uint64_t own_event_id(recording::OwnEvent event)
{
	return kOwnIdBase + static_cast<uint64_t>(event);
}

// Attrs, names and ids of all our events, for the file's header.
std::vector<recording::EventDescription> own_event_descriptions(bool with_callchain);

struct EncodedCounts {
	uint64_t events = 0;
	uint64_t layer_calls = 0; // layer_end events
	uint64_t spikes = 0;
	uint64_t dropped = 0; // could not be written
};

// A type of slot that programs do not write: the call ended unseen (OwnEvent::unseen_end).
constexpr uint16_t kUnseenEnd = 0x100;
// Others: an inference was submitted, or has ended, whatever the thread does meanwhile; value: the request.
constexpr uint16_t kRequestBegin = 0x101, kRequestEnd = 0x102;
// Ends of a layer and of an inference in which probes had a share; value: what they cost (OwnEvent::probed_end).
constexpr uint16_t kProbedEnd = 0x103, kProbedInferenceEnd = 0x104;

class OwnEventEncoder {
public:
	OwnEventEncoder(recording::PerfDataWriter *writer, bool with_callchain);

	// False if the slot holds no event of a type we know.
	bool encode(const np_slot &slot, uint32_t pid, uint32_t tid, uint64_t time_ns);
	// The same of what a thread did; times are CLOCK_MONOTONIC.
	bool encode(const np_switch &event);
	// With its frames, where the recording has call chains.
	bool encode(const np_switch_with_stack &event);
	// An event with strings, by its ready payload (recording::TextPayload).
	void encode(recording::OwnEvent event, const recording::RecordIdentity &identity, std::string_view payload);
	// Muted, slots are taken and forgotten: the recording has not begun yet. Events with strings are written still.
	void set_muted(bool muted) { muted_ = muted; }
	// Moves what was encoded on to the writer.
	void flush();

	const EncodedCounts &counts() const { return counts_; }
	const recording::PerfDataWriter &writer() const { return *writer_; }
	const Status &status() const { return status_; }
	void clear_error() { status_ = Done{}; }

private:
	void put_switch_in(const np_switch &event);
	template <typename Payload, typename... Fields>
	void put(recording::OwnEvent event, uint32_t pid, uint32_t tid, uint64_t time_ns, Fields... fields);

	recording::PerfDataWriter *writer_;
	bool with_callchain_;
	bool muted_ = false;
	std::vector<char> buffer_;
	std::size_t used_ = 0;
	uint64_t buffered_events_ = 0;
	std::vector<uint64_t> chain_; // scratch
	EncodedCounts counts_;
	Status status_ = Done{};
};

} // namespace neuroperf::collector
