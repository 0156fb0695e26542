// SPDX-License-Identifier: Apache-2.0
// Builds single records of a perf.data stream, and knows how samples and trailers are laid out by sample_type.
#pragma once

#include <linux/perf_event.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "recording/bytes.hpp"
#include "recording/event_formats.hpp"
#include "recording/perf_layout.hpp"

namespace neuroperf::recording {

constexpr std::size_t kRecordHeaderSize = sizeof(perf_event_header);
static_assert(kRecordHeaderSize == 8);
constexpr std::size_t kMaxRecordSize = 65528; // the size field has 16 bits, records are multiples of 8

// What is common to all records that carry identity: the fields of a sample, or a trailer (sample_id_all).
struct RecordIdentity {
	uint32_t pid = 0;
	uint32_t tid = 0;
	uint64_t time_ns = 0; // CLOCK_MONOTONIC
	uint32_t cpu = 0;
	uint64_t id = 0; // of the event
};

// Sample types of our own attrs. IDENTIFIER makes them readable side by side; our events know no CPU, so they have
// none.
// Ids of tracepoints that a BPF program of ours recorded: this and more. Far from the kernel's, and from our own
// events'. They come by rings of their own: what these lost was none of the kernel's other records.
constexpr uint64_t kTracepointIdBase = uint64_t{1} << 49;
constexpr uint64_t kOwnSampleType = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
constexpr uint64_t kTrailerFields = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID |
				    PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU;

std::string finished_round_record();
// A record of type 65, skipped by every reader, around `contents` (at most kMaxRecordSize - 8 bytes).
std::string covering_record(std::string_view contents);

// One record with a body and the trailer that events of `sample_type` have.
std::string record_with_trailer(uint32_t type, uint16_t misc, std::string_view body, uint64_t sample_type,
				const RecordIdentity &identity);
std::string comm_record(const RecordIdentity &identity, std::string_view name, uint64_t sample_type);
std::string lost_record(const RecordIdentity &identity, uint64_t lost_id, uint64_t lost, uint64_t sample_type);
// FORK: `identity` is the new task, the parent is a process (for its first thread) or the process itself (for others).
// With PERF_RECORD_MISC_FORK_EXEC in `misc` the new process does not have its parent's mappings.
std::string fork_record(const RecordIdentity &identity, uint32_t parent_pid, uint32_t parent_tid, uint16_t misc,
			uint64_t sample_type);

// What was mapped where, for MMAP2.
struct MappedFile {
	uint64_t start = 0, length = 0, file_offset = 0;
	uint32_t device_major = 0, device_minor = 0;
	uint64_t inode = 0;
	uint32_t protection = 0;   // PROT_*
	uint32_t flags = 0;        // MAP_*
	std::string_view build_id; // in place of device and inode unless empty; 20 bytes count
	std::string_view path;     // cut at kMaxPath
};
constexpr std::size_t kMaxPath = 4095;
// `misc`: PERF_RECORD_MISC_USER or _KERNEL, and what else holds; that of the build id is added.
std::string mmap2_record(const RecordIdentity &identity, uint16_t misc, const MappedFile &file, uint64_t sample_type);
// Of the kernel image as perf writes it: pgoff holds the address of _text.
std::string kernel_mmap_record(const RecordIdentity &identity, uint64_t text, uint64_t end, std::string_view build_id,
			       uint64_t sample_type);

// Our own sample, for the hot path: the record around a payload struct of event_formats.hpp. With an empty callchain
// when the recording has callchains (perf report would else show the previous sample's callers under it).
constexpr std::size_t own_sample_size(std::size_t payload_size, bool with_callchain)
{
	return kRecordHeaderSize + 24 + (with_callchain ? 8 : 0) + (4 + payload_size + 7) / 8 * 8;
}

// Writes own_sample_size(sizeof(Payload), with_callchain) bytes at `to` and returns the place behind them. `fields` are
// those of Payload after `common`, in order. Every field is stored where it goes: putting the record together in a
// struct first costs twice as much (wide loads of what was just stored in pieces stall).
template <typename Payload, typename... Fields>
char *encode_own_sample(char *to, const RecordIdentity &identity, bool with_callchain, uint16_t common_type,
			Fields... fields)
{
	static_assert(sizeof(CommonFields) + (sizeof(Fields) + ... + 0) == sizeof(Payload), "fields of the payload");
	const auto store = [&to](auto value) {
		std::memcpy(to, &value, sizeof value);
		to += sizeof value;
	};
	const std::size_t size = own_sample_size(sizeof(Payload), with_callchain);
	constexpr uint32_t raw_size = (4 + sizeof(Payload) + 7) / 8 * 8 - 4;
	store(uint64_t{PERF_RECORD_SAMPLE} | uint64_t{PERF_RECORD_MISC_USER} << 32 | uint64_t{size} << 48);
	store(identity.id);
	store(uint64_t{identity.pid} | uint64_t{identity.tid} << 32);
	store(identity.time_ns);
	if (with_callchain)
		store(uint64_t{0});
	store(raw_size);
	store(uint64_t{common_type} | uint64_t{identity.tid} << 32); // CommonFields
	(store(fields), ...);
	std::memset(to, 0, raw_size - sizeof(Payload));
	return to + (raw_size - sizeof(Payload));
}

// The same with a call chain, contexts included as perf has them. Returns how many bytes were written.
std::size_t encode_own_sample_with_chain(char *to, const RecordIdentity &identity, std::span<const uint64_t> chain,
					 std::string_view payload);

// The same for payloads of any length (those with strings).
void append_own_sample(std::string *to, const RecordIdentity &identity, bool with_callchain, std::string_view payload);

// Appends strings to a payload struct and returns what goes into its __data_loc fields.
class TextPayload {
public:
	template <typename Payload> explicit TextPayload(const Payload &payload)
	{
		bytes_.assign(reinterpret_cast<const char *>(&payload), sizeof payload);
	}
	// `location` is the offset of the __data_loc field in the struct. Text beyond 4 KiB is cut.
	TextPayload &text(std::size_t location, std::string_view text);
	const std::string &bytes() const { return bytes_; }

private:
	std::string bytes_;
};

} // namespace neuroperf::recording
