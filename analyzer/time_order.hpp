// SPDX-License-Identifier: Apache-2.0
// Gives the records of a recording to a visitor in the order of their time.
//
// Recorders write in rounds; FINISHED_ROUND says that no later record is older than the newest one of the round before,
// so records up to there can be passed on. Memory is bounded: when rounds are missing or too large, the older half is
// passed on anyway, and a record that then turns out to be older is passed on late and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "recording/reader.hpp"

namespace neuroperf::analyzer {

struct OrderedRecord {
	std::string_view bytes; // header included
	uint64_t time_ns = 0;   // 0: the record has no time; it comes where it stands in the file
	uint32_t type = 0;
	uint16_t misc = 0;
	int event = -1; // index into PerfDataReader::events, of samples; -1: not known
};

class RecordVisitor {
public:
	virtual ~RecordVisitor() = default;
	virtual void visit(const OrderedRecord &record) = 0;
};

constexpr std::size_t kMaxSkippedTypes = 30;
constexpr uint32_t kOtherTypes = UINT32_MAX; // in `skipped`: all types beyond the first few

struct StreamCounts {
	uint64_t records = 0;
	uint64_t late = 0;                    // passed on after a newer one
	uint64_t unknown_event = 0;           // samples of an event that the header does not describe; not passed on
	std::map<uint32_t, uint64_t> skipped; // record types that are not passed on, and how many
	uint64_t first_ns = 0, last_ns = 0;   // of the records that have a time
	uint64_t hardware_trace_bytes = 0;    // payloads of AUX records, not read
	std::string problem;                  // why reading stopped before the end; empty: it did not
};

struct OrderOptions {
	std::size_t records = 2'000'000; // most that wait for their turn
	std::size_t bytes = 96u << 20;
	std::function<void(uint64_t bytes_read)> progress{}; // called now and then
};

StreamCounts visit_in_time_order(const recording::PerfDataReader &reader, RecordVisitor *visitor,
				 const OrderOptions &options = {});

} // namespace neuroperf::analyzer
