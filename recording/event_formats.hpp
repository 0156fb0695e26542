// SPDX-License-Identifier: Apache-2.0
// neuroperf's own events: tracepoints of the system "neuroperf" inside a perf.data file.
//
// A payload struct below is the record as written; the `format` text that goes into the file, by which perf and our own
// reader decode it, is derived from the struct (format_text). Fields are packed without padding: the payload starts at
// 4 mod 8 in the file, so a u64 at offset 12 is aligned there.
//
// Versioning: an event may get new fields at its end, never other changes; ids are never reused. Ids stay below 65536
// (common_type has 16 bits) and above what kernels hand out from below.
//
// Strings are `__data_loc`: (length including NUL) << 16 | offset from the start of the payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recording/tracing_data.hpp"

namespace neuroperf::recording {

constexpr std::string_view kOwnSystem = "neuroperf";

enum class OwnEvent : uint16_t {
	layer_begin = 64001,
	layer_end = 64002,
	spikes = 64003,
	synops = 64004,
	inference_begin = 64005,
	inference_end = 64006,
	counter = 64007,
	mark = 64008,
	layer_def = 64009,
	name_def = 64010,
	clock = 64011,
	recorder_stat = 64012,
	note = 64013,
	unseen_end = 64014,
	request_begin = 64015,
	request_end = 64016,
	probed_end = 64017,
	runtime = 64018,
	runtime_probes = 64019,
	switch_out = 64020,
	switch_in = 64021,
	interrupted = 64022,
};

#pragma pack(push, 1)
struct CommonFields {
	uint16_t type = 0;
	uint8_t flags = 0;
	uint8_t preempt_count = 0;
	int32_t pid = 0; // thread id, as in the kernel's tracepoints
};

static_assert(sizeof(CommonFields) == 8);

struct LayerPayload { // layer_begin, layer_end, unseen_end
	CommonFields common;
	uint32_t layer;
};

struct ProbedEndPayload { // of a layer or an inference that was entered and left through probes
	CommonFields common;
	uint32_t layer;
	uint64_t probe_ns; // what probes cost its thread from its begin to its end
};

struct CountPayload { // spikes, synops
	CommonFields common;
	uint32_t layer;
	uint64_t count;
};

struct InferencePayload { // inference_begin, inference_end, request_begin, request_end
	CommonFields common;
	uint32_t inference;
	uint64_t sequence; // the program's own number
};

struct CounterPayload {
	CommonFields common;
	uint32_t counter;
	int64_t value; // rounded towards zero, for readers without floating point
	uint64_t bits; // the same value, exactly: IEEE 754 double
};

struct MarkPayload {
	CommonFields common;
	uint32_t mark;
};

struct LayerDefPayload { // what a layer number means; facts are 0 where the program told none
	CommonFields common;
	uint32_t layer;
	uint64_t neurons;
	uint64_t synapses;
	uint64_t macs; // of one call
	uint64_t parameters;
	uint32_t name; // __data_loc
	uint32_t kind; // __data_loc
};

struct NameDefPayload { // what the number of an inference, counter or mark means
	CommonFields common;
	uint32_t id;
	uint32_t what; // enum np_definition_what
	uint32_t name; // __data_loc
	uint32_t kind; // __data_loc; a counter's unit
};

struct ClockPayload { // one moment on three clocks; CLOCK_MONOTONIC is the record's time
	CommonFields common;
	uint32_t reserved;
	uint64_t counter; // TSC or CNTVCT
	uint64_t realtime_ns;
};

struct StatPayload { // the recorder about itself; cumulative, the last one counts
	CommonFields common;
	uint32_t name; // __data_loc
	uint64_t value;
};

struct RuntimePayload { // one file in which a runtime was recognised; cumulative, the last one counts
	CommonFields common;
	uint32_t runtime; // number, from 0
	uint32_t places, places_found;
	uint32_t functions, functions_attached, functions_stepped; // stepped: of all, by the kernel, which is dear
	uint32_t name;                                             // __data_loc, of the description
	uint32_t title;                                            // __data_loc
	uint32_t file;                                             // __data_loc
};

struct RuntimeProbesPayload { // hits of one class of probes in it, and what one costs; the last one counts
	CommonFields common;
	uint32_t runtime;
	uint64_t hits;
	uint64_t before_ns;   // of each, until its time is taken
	uint64_t after_ns;    // from there on
	uint32_t probes;      // __data_loc, the class: "emulated entry"
	uint32_t why_unknown; // __data_loc; empty where the cost is known
};

struct SwitchOutPayload { // the thread left its CPU
	CommonFields common;
	uint32_t state;      // of the task, as the kernel has it: 0 is runnable
	int64_t system_call; // its number on the recorded machine; -1: it was in none
	uint32_t device;     // of the file that this waits for: major << 20 | minor; 0: none, or unknown
	uint32_t file_type;  // S_IFMT >> 12; 0: none, or unknown; 15: it might wait for files, and does for none
	uint32_t flags;      // 1: preempted; 2: waits for a disk
};

struct SwitchInPayload { // the thread got a CPU
	CommonFields common;
	uint32_t woken_by;  // 0 unknown, 1 a thread, 2 a thread of the kernel, 3 an interrupt
	uint64_t woken_ns;  // CLOCK_MONOTONIC; 0: unknown
	uint32_t waker_pid; // of a thread
	uint32_t waker_tid;
	uint32_t late_ns; // this is told so long after it got it: when it left again
};

struct InterruptedPayload { // until now interrupts had the thread's CPU
	CommonFields common;
	uint32_t reserved;
	uint64_t begin_ns; // CLOCK_MONOTONIC
};

struct NotePayload { // a sentence for the report's quality section
	CommonFields common;
	uint32_t severity; // 0 info, 1 notice, 2 warning, 3 data loss
	uint32_t code;     // __data_loc, stable word for programs
	uint32_t text;     // __data_loc
	uint32_t remedy;   // __data_loc, may be empty
};
#pragma pack(pop)

// Names for the numbers of layers, inferences ..., for readers that know only the format text (perf script).
struct SymbolicName {
	uint32_t id;
	std::string_view field; // "layer", "inference", "counter" or "mark": where the number stands
	std::string name;
};

struct OwnEventInfo {
	OwnEvent event;
	std::string_view name; // without the system
};
std::span<const OwnEventInfo> own_events();

// The tracefs-style format text of one of our events. Where the event refers to a definition (layer, inference,
// counter, mark) and `names` is not empty, the print format maps the numbers to these names.
std::string format_text(OwnEvent event, std::span<const SymbolicName> names);

// HEADER_TRACING_DATA with all our events and the formats of others (the kernel's); `names` as above, left out from the
// back until the section fits `max_size`. It may still be larger, then without any name.
std::string own_tracing_data(std::span<const SymbolicName> names, std::size_t max_size,
			     std::span<const TracingSystem> others = {});

} // namespace neuroperf::recording
