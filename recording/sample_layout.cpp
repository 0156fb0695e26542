// SPDX-License-Identifier: Apache-2.0
#include "recording/sample_layout.hpp"

namespace neuroperf::recording {

SampleLayout::SampleLayout(uint64_t sample_type, uint64_t read_format, bool sample_id_all)
	: sample_type_(sample_type), read_format_(read_format)
{
	if (sample_type & PERF_SAMPLE_TIME) {
		time_in_sample_ = kRecordHeaderSize;
		for (const uint64_t before : {PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP, PERF_SAMPLE_TID})
			if (sample_type & before)
				time_in_sample_ += 8;
	}
	if (!sample_id_all)
		return;
	// From the end: IDENTIFIER, CPU, STREAM_ID, ID, TIME, TID.
	for (const uint64_t field : {PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_CPU, PERF_SAMPLE_STREAM_ID, PERF_SAMPLE_ID,
				     PERF_SAMPLE_TIME, PERF_SAMPLE_TID}) {
		if (!(sample_type & field))
			continue;
		trailer_size_ += 8;
		if (field == PERF_SAMPLE_TIME)
			time_from_end_ = trailer_size_;
	}
}

uint64_t SampleLayout::time_of_sample(std::string_view record) const
{
	if (time_in_sample_ == 0 || record.size() < time_in_sample_ + 8)
		return 0;
	return load<uint64_t>(record.data() + time_in_sample_);
}

uint64_t SampleLayout::time_of_other(std::string_view record) const
{
	if (time_from_end_ == 0 || record.size() < kRecordHeaderSize + trailer_size_)
		return 0;
	return load<uint64_t>(record.data() + record.size() - time_from_end_);
}

bool SampleLayout::skip_read_values(Cursor *in) const
{
	uint64_t values = 1;
	if (read_format_ & PERF_FORMAT_GROUP)
		values = in->read<uint64_t>();
	uint64_t each = 8;
	for (const uint64_t extra : {PERF_FORMAT_ID, PERF_FORMAT_LOST})
		if (read_format_ & extra)
			each += 8;
	for (const uint64_t time : {PERF_FORMAT_TOTAL_TIME_ENABLED, PERF_FORMAT_TOTAL_TIME_RUNNING})
		if (read_format_ & time)
			in->skip(8);
	if (values > kMaxRecordSize / 8)
		return false;
	in->skip(values * each);
	return in->ok();
}

bool SampleLayout::parse_sample(std::string_view record, Sample *sample) const
{
	Cursor in(record);
	const auto header = in.read<perf_event_header>();
	*sample = Sample{};
	sample->misc = header.misc;
	const auto has = [this](uint64_t field) { return (sample_type_ & field) != 0; };
	if (has(PERF_SAMPLE_IDENTIFIER))
		sample->identity.id = in.read<uint64_t>();
	if (has(PERF_SAMPLE_IP))
		sample->ip = in.read<uint64_t>();
	if (has(PERF_SAMPLE_TID)) {
		sample->identity.pid = in.read<uint32_t>();
		sample->identity.tid = in.read<uint32_t>();
	}
	if (has(PERF_SAMPLE_TIME))
		sample->identity.time_ns = in.read<uint64_t>();
	if (has(PERF_SAMPLE_ADDR))
		in.skip(8);
	if (has(PERF_SAMPLE_ID))
		sample->identity.id = in.read<uint64_t>();
	if (has(PERF_SAMPLE_STREAM_ID))
		in.skip(8);
	if (has(PERF_SAMPLE_CPU)) {
		sample->has_cpu = true;
		sample->identity.cpu = in.read<uint32_t>();
		in.skip(4);
	}
	if (has(PERF_SAMPLE_PERIOD))
		sample->period = in.read<uint64_t>();
	if (has(PERF_SAMPLE_READ) && !skip_read_values(&in))
		return false;
	if (has(PERF_SAMPLE_CALLCHAIN)) {
		sample->callchain_length = in.read<uint64_t>();
		if (sample->callchain_length > in.left() / 8)
			return false;
		sample->callchain = in.read_bytes(sample->callchain_length * 8).data();
	}
	if (has(PERF_SAMPLE_RAW)) {
		const uint32_t size = in.read<uint32_t>();
		sample->raw = in.read_bytes(size);
	}
	return in.ok();
}

bool SampleLayout::parse_trailer(std::string_view record, RecordIdentity *identity) const
{
	*identity = RecordIdentity{};
	if (trailer_size_ == 0 || record.size() < kRecordHeaderSize + trailer_size_)
		return false;
	Cursor in(record.substr(record.size() - trailer_size_));
	if (sample_type_ & PERF_SAMPLE_TID) {
		identity->pid = in.read<uint32_t>();
		identity->tid = in.read<uint32_t>();
	}
	if (sample_type_ & PERF_SAMPLE_TIME)
		identity->time_ns = in.read<uint64_t>();
	if (sample_type_ & PERF_SAMPLE_ID)
		identity->id = in.read<uint64_t>();
	if (sample_type_ & PERF_SAMPLE_STREAM_ID)
		in.skip(8);
	if (sample_type_ & PERF_SAMPLE_CPU) {
		identity->cpu = in.read<uint32_t>();
		in.skip(4);
	}
	if (sample_type_ & PERF_SAMPLE_IDENTIFIER)
		identity->id = in.read<uint64_t>();
	return in.ok();
}

} // namespace neuroperf::recording
