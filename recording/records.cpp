// SPDX-License-Identifier: Apache-2.0
#include "recording/records.hpp"

#include <sys/mman.h>

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

std::string fork_record(const RecordIdentity &identity, uint32_t parent_pid, uint32_t parent_tid, uint16_t misc,
			uint64_t sample_type)
{
	ByteWriter body;
	body.put(identity.pid).put(parent_pid).put(identity.tid).put(parent_tid).put(identity.time_ns);
	return record_with_trailer(PERF_RECORD_FORK, misc, body.bytes(), sample_type, identity);
}

std::string mmap2_record(const RecordIdentity &identity, uint16_t misc, const MappedFile &file, uint64_t sample_type)
{
	ByteWriter body;
	body.put(identity.pid).put(identity.tid).put(file.start).put(file.length).put(file.file_offset);
	if (file.build_id.empty()) {
		body.put(file.device_major).put(file.device_minor).put(file.inode).put<uint64_t>(0);
	} else { // u8 size, 3 bytes, 20 bytes of id
		char id[20] = {};
		const std::size_t size = file.build_id.copy(id, sizeof id);
		body.put(static_cast<uint32_t>(size)).put_bytes({id, sizeof id});
		misc |= PERF_RECORD_MISC_MMAP_BUILD_ID;
	}
	body.put(file.protection).put(file.flags).put_text(file.path.substr(0, kMaxPath));
	return record_with_trailer(PERF_RECORD_MMAP2, misc, body.bytes(), sample_type, identity);
}

std::string kernel_mmap_record(const RecordIdentity &identity, uint64_t text, uint64_t end, std::string_view build_id,
			       uint64_t sample_type)
{
	RecordIdentity kernel = identity;
	kernel.pid = UINT32_MAX; // perf's convention for the kernel
	kernel.tid = 0;
	MappedFile file;
	file.start = file.file_offset = text;
	file.length = end - text;
	file.protection = PROT_READ | PROT_EXEC;
	file.build_id = build_id;
	file.path = "[kernel.kallsyms]_text";
	return mmap2_record(kernel, PERF_RECORD_MISC_KERNEL, file, sample_type);
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

std::size_t encode_own_sample_with_chain(char *to, const RecordIdentity &identity, std::span<const uint64_t> chain,
					 std::string_view payload)
{
	const std::size_t size = own_sample_size(payload.size(), true) + chain.size_bytes();
	const auto raw_size = static_cast<uint32_t>((4 + payload.size() + 7) / 8 * 8 - 4);
	ByteWriter record;
	put_header(&record, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, size);
	record.put(identity.id).put(identity.pid).put(identity.tid).put(identity.time_ns);
	record.put(uint64_t{chain.size()});
	for (const uint64_t address : chain)
		record.put(address);
	record.put(raw_size).put_bytes(payload).pad_to_multiple(8);
	std::memcpy(to, record.bytes().data(), record.bytes().size());
	return record.bytes().size();
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
