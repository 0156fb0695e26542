// SPDX-License-Identifier: Apache-2.0
#include "recording/records.hpp"

namespace neuroperf::recording {
namespace {

void put_header(ByteWriter *record, uint32_t type, uint16_t misc, std::size_t size)
{
	record->put(perf_event_header{type, misc, static_cast<uint16_t>(size)});
}

} // namespace

std::string finished_round_record()
{
	ByteWriter record;
	put_header(&record, kRecordFinishedRound, 0, kRecordHeaderSize);
	return record.take();
}

std::string covering_record(std::string_view contents)
{
	const std::size_t size = (kRecordHeaderSize + contents.size() + 7) / 8 * 8;
	ByteWriter record;
	put_header(&record, kRecordEventType, 0, size);
	return record.put_bytes(contents).pad_to_multiple(8).take();
}

std::string record_with_trailer(uint32_t type, uint16_t misc, std::string_view body, uint64_t sample_type,
				const RecordIdentity &identity)
{
	ByteWriter padded;
	padded.put_bytes(body).pad_to_multiple(8);
	if (sample_type & PERF_SAMPLE_TID)
		padded.put(identity.pid).put(identity.tid);
	if (sample_type & PERF_SAMPLE_TIME)
		padded.put(identity.time_ns);
	if (sample_type & PERF_SAMPLE_ID)
		padded.put(identity.id);
	if (sample_type & PERF_SAMPLE_STREAM_ID)
		padded.put(identity.id);
	if (sample_type & PERF_SAMPLE_CPU)
		padded.put(identity.cpu).put<uint32_t>(0);
	if (sample_type & PERF_SAMPLE_IDENTIFIER)
		padded.put(identity.id);
	ByteWriter record;
	put_header(&record, type, misc, kRecordHeaderSize + padded.size());
	return record.put_bytes(padded.bytes()).take();
}

std::string comm_record(const RecordIdentity &identity, std::string_view name, uint64_t sample_type)
{
	ByteWriter body;
	body.put(identity.pid).put(identity.tid).put_text(name.substr(0, 15));
	return record_with_trailer(PERF_RECORD_COMM, 0, body.bytes(), sample_type, identity);
}

std::string lost_record(const RecordIdentity &identity, uint64_t lost_id, uint64_t lost, uint64_t sample_type)
{
	ByteWriter body;
	body.put(lost_id).put(lost);
	return record_with_trailer(PERF_RECORD_LOST, 0, body.bytes(), sample_type, identity);
}

std::string kernel_mmap_record(const RecordIdentity &identity, uint64_t text, uint64_t end, uint64_t sample_type)
{
	ByteWriter body;
	body.put<uint32_t>(0xffffffff).put<uint32_t>(0); // perf's convention for the kernel
	body.put(text).put(end - text).put(text).put_text("[kernel.kallsyms]_text");
	return record_with_trailer(PERF_RECORD_MMAP, PERF_RECORD_MISC_KERNEL, body.bytes(), sample_type, identity);
}

void append_own_sample(std::string *to, const RecordIdentity &identity, bool with_callchain, std::string_view payload)
{
	const std::size_t size = own_sample_size(payload.size(), with_callchain);
	const uint32_t raw_size = static_cast<uint32_t>((4 + payload.size() + 7) / 8 * 8 - 4);
	ByteWriter record;
	put_header(&record, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, size);
	record.put(identity.id).put(identity.pid).put(identity.tid).put(identity.time_ns);
	if (with_callchain)
		record.put<uint64_t>(0);
	record.put(raw_size).put_bytes(payload).pad_to_multiple(8);
	to->append(record.bytes());
}

TextPayload &TextPayload::text(std::size_t location, std::string_view text)
{
	text = text.substr(0, std::min<std::size_t>(text.find('\0'), 4096));
	const uint32_t data_loc = static_cast<uint32_t>((text.size() + 1) << 16 | bytes_.size());
	std::memcpy(bytes_.data() + location, &data_loc, sizeof data_loc);
	bytes_.append(text).push_back('\0');
	return *this;
}

} // namespace neuroperf::recording
