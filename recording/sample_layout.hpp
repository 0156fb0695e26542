// SPDX-License-Identifier: Apache-2.0
// Where the fields of a record are, given the event's sample_type: samples from their front, other records' trailer
// (sample_id_all) from their back. Layout: perf_event_open(2).
#pragma once

#include <cstdint>
#include <string_view>

#include "recording/records.hpp"

namespace neuroperf::recording {

// A sample, taken apart. Views point into the record.
struct Sample {
	RecordIdentity identity;
	uint64_t ip = 0;
	uint64_t period = 0;
	bool has_cpu = false;
	uint16_t misc = 0;               // PERF_RECORD_MISC_CPUMODE_MASK: user, kernel
	const char *callchain = nullptr; // u64 entries, unaligned, with PERF_CONTEXT_ markers
	uint64_t callchain_length = 0;
	const char *counts = nullptr; // of the group's counters, when the event reads them; see CounterValue
	uint64_t count_length = 0;
	std::string_view raw;
	uint64_t user_abi = 0;                // PERF_SAMPLE_REGS_ABI_; 0: no registers
	const char *user_registers = nullptr; // u64 each, in the order of the bits in attr.sample_regs_user
	std::string_view user_stack;          // from the stack pointer upwards

	// The n-th of the counters read with the sample.
	struct CounterValue {
		uint64_t value, id;
	};
	CounterValue count(uint64_t index) const;

private:
	friend class SampleLayout;
	std::size_t count_stride_ = 0;
	std::size_t count_id_ = 0; // offset of the id from the value; 0: there is none
};

class SampleLayout {
public:
	SampleLayout() = default;
	explicit SampleLayout(const perf_event_attr &attr);

	// Time of a record of this event; 0 if it has none. For the hot path: needs only record sizes to be true.
	uint64_t time_of_sample(std::string_view record) const;
	uint64_t time_of_other(std::string_view record) const;
	// Whole sample; false if the record is shorter than it says or holds fields we cannot walk over.
	bool parse_sample(std::string_view record, Sample *sample) const;
	// Trailer of a record that is not a sample; false if there is none.
	bool parse_trailer(std::string_view record, RecordIdentity *identity) const;
	// Bytes the trailer takes.
	std::size_t trailer_size() const { return trailer_size_; }
	// Where the event's id stands: in a sample from its start, in other records from their end; 0: nowhere.
	std::size_t id_in_sample() const { return id_in_sample_; }
	std::size_t id_from_end() const { return id_from_end_; }

private:
	bool parse_counts(Cursor *in, Sample *sample) const;
	bool skip_branches(Cursor *in) const;
	void parse_user_state(Cursor *in, Sample *sample) const;

	uint64_t sample_type_ = 0;
	uint64_t read_format_ = 0;
	uint64_t branch_sample_type_ = 0;
	unsigned user_register_count_ = 0;
	uint64_t fixed_period_ = 0; // of events that do not record it, as it is always the same
	std::size_t id_in_sample_ = 0;
	std::size_t id_from_end_ = 0;
	std::size_t time_in_sample_ = 0; // offset from the record's start; 0: none
	std::size_t time_from_end_ = 0;  // of other records; 0: none
	std::size_t trailer_size_ = 0;
};

} // namespace neuroperf::recording
