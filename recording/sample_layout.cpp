// SPDX-License-Identifier: Apache-2.0
#include "recording/sample_layout.hpp"

namespace neuroperf::recording {

Sample::CounterValue Sample::count(uint64_t index) const
{
	const char *const at = counts + index * count_stride_;
	return {load<uint64_t>(at), count_id_ != 0 ? load<uint64_t>(at + count_id_) : 0};
}

SampleLayout::SampleLayout(const perf_event_attr &attr)
	: sample_type_(attr.sample_type), read_format_(attr.read_format), branch_sample_type_(attr.branch_sample_type),
	  user_register_count_(static_cast<unsigned>(__builtin_popcountll(attr.sample_regs_user))),
	  fixed_period_(attr.freq ? 0 : attr.sample_period)
{
	std::size_t at = kRecordHeaderSize;
	for (const uint64_t field : {PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP, PERF_SAMPLE_TID, PERF_SAMPLE_TIME,
				     PERF_SAMPLE_ADDR, PERF_SAMPLE_ID}) {
		if (!(sample_type_ & field))
			continue;
		if (field == PERF_SAMPLE_TIME)
			time_in_sample_ = at;
		if (field == PERF_SAMPLE_IDENTIFIER || (field == PERF_SAMPLE_ID && id_in_sample_ == 0))
			id_in_sample_ = at;
		at += 8;
	}
	if (!attr.sample_id_all)
		return;
	for (const uint64_t field : {PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_CPU, PERF_SAMPLE_STREAM_ID, PERF_SAMPLE_ID,
				     PERF_SAMPLE_TIME, PERF_SAMPLE_TID}) {
		if (!(sample_type_ & field))
			continue;
		trailer_size_ += 8;
		if (field == PERF_SAMPLE_TIME)
			time_from_end_ = trailer_size_;
		if (field == PERF_SAMPLE_IDENTIFIER || (field == PERF_SAMPLE_ID && id_from_end_ == 0))
			id_from_end_ = trailer_size_;
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

bool SampleLayout::parse_counts(Cursor *in, Sample *sample) const
{
	const bool group = read_format_ & PERF_FORMAT_GROUP;
	uint64_t values = group ? in->read<uint64_t>() : 1;
	std::size_t each = 8;
	for (const uint64_t extra : {PERF_FORMAT_ID, PERF_FORMAT_LOST})
		if (read_format_ & extra)
			each += 8;
	std::size_t times = 0;
	for (const uint64_t time : {PERF_FORMAT_TOTAL_TIME_ENABLED, PERF_FORMAT_TOTAL_TIME_RUNNING})
		if (read_format_ & time)
			times += 8;
	if (values > kMaxRecordSize / 8)
		return false;
	if (group) // the times of the group, then value and id of each; alone: value, times, id
		in->skip(times);
	else
		each += times;
	sample->counts = in->read_bytes(values * each).data();
	if (!in->ok())
		return false;
	sample->count_length = values;
	sample->count_stride_ = each;
	sample->count_id_ = !(read_format_ & PERF_FORMAT_ID) ? 0 : group ? 8 : 8 + times;
	return true;
}

bool SampleLayout::skip_branches(Cursor *in) const
{
	const uint64_t branches = in->read<uint64_t>();
	if (branch_sample_type_ & PERF_SAMPLE_BRANCH_HW_INDEX)
		in->skip(8);
	if (branches > in->left() / sizeof(perf_branch_entry))
		return false;
	in->skip(branches * sizeof(perf_branch_entry));
	constexpr uint64_t kBranchCounters = 1 << 19; // PERF_SAMPLE_BRANCH_COUNTERS, Linux 6.8
	if (branch_sample_type_ & kBranchCounters)
		in->skip(branches * 8);
	return in->ok();
}

void SampleLayout::parse_user_state(Cursor *in, Sample *sample) const
{
	if (sample_type_ & PERF_SAMPLE_REGS_USER) {
		sample->user_abi = in->read<uint64_t>();
		if (sample->user_abi != PERF_SAMPLE_REGS_ABI_NONE)
			sample->user_registers = in->read_bytes(std::size_t{user_register_count_} * 8).data();
	}
	if (sample_type_ & PERF_SAMPLE_STACK_USER) {
		const uint64_t size = in->read<uint64_t>();
		const std::string_view stack = in->read_bytes(size);
		if (size > 0) {
			const uint64_t used = in->read<uint64_t>();
			sample->user_stack = stack.substr(0, used);
		}
	}
}

bool SampleLayout::parse_sample(std::string_view record, Sample *sample) const
{
	Cursor in(record);
	const auto header = in.read<perf_event_header>();
	*sample = Sample{};
	sample->misc = header.misc;
	sample->period = fixed_period_;
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
	if (has(PERF_SAMPLE_READ) && !parse_counts(&in, sample))
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
	if (has(PERF_SAMPLE_BRANCH_STACK) && !skip_branches(&in))
		return false;
	parse_user_state(&in, sample);
	return in.ok(); // nothing of what follows is of use here: weight, data source, physical address ...
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
