// SPDX-License-Identifier: Apache-2.0
// Samples that stand for several: a group whose leader samples (`{a,b}:S`) reads all its counters with each sample.
//
// Every counter that moved since its last reading counts as a sample of its own, with the difference as period; as perf
// does it.
#pragma once

#include <unordered_map>

#include "analyzer/time_order.hpp"
#include "recording/reader.hpp"

namespace neuroperf::analyzer {

class SampleValues {
public:
	explicit SampleValues(const recording::PerfDataReader &reader) : reader_(reader) {}

	// Calls take(event index, sample) for each sample that the record stands for. False: it could not be parsed.
	template <typename F> bool each(const OrderedRecord &record, F take)
	{
		recording::Sample sample;
		const auto &events = reader_.events();
		if (!events[static_cast<std::size_t>(record.event)].layout.parse_sample(record.bytes, &sample))
			return false;
		if (sample.count_length == 0) {
			take(record.event, sample);
			return true;
		}
		for (uint64_t i = 0; i < sample.count_length; i++) {
			const auto [value, id] = sample.count(i);
			const int event = id != 0 ? reader_.event_of(id) : record.event;
			sample.period = value - std::exchange(last_value_[id], value);
			sample.identity.id = id;
			if (event < 0)
				unknown_++;
			else if (sample.period != 0)
				take(event, sample);
		}
		return true;
	}

	uint64_t unknown() const { return unknown_; } // counters that the header does not describe

private:
	const recording::PerfDataReader &reader_;
	std::unordered_map<uint64_t, uint64_t> last_value_; // by id
	uint64_t unknown_ = 0;
};

} // namespace neuroperf::analyzer
