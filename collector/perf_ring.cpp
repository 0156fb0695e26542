// SPDX-License-Identifier: Apache-2.0
#include "collector/perf_ring.hpp"

#include <algorithm>

#include "recording/bytes.hpp"
#include "recording/records.hpp"

namespace neuroperf::collector {
namespace {

// Counts the records in `bytes` and returns how many bytes are whole records.
std::size_t count_records(std::string_view bytes, PerfRecordCounts *counts)
{
	std::size_t at = 0;
	while (bytes.size() - at >= recording::kRecordHeaderSize) {
		const auto header = recording::load<perf_event_header>(bytes.data() + at);
		if (header.size < recording::kRecordHeaderSize || header.size > bytes.size() - at) {
			counts->damaged++;
			break;
		}
		if (header.type == PERF_RECORD_SAMPLE)
			counts->samples++;
		else if (header.type == PERF_RECORD_MMAP2)
			counts->mappings++;
		else if (header.type == PERF_RECORD_LOST && header.size >= 24)
			counts->lost += recording::load<uint64_t>(bytes.data() + at + 16); // after header and id
		else if (header.type == PERF_RECORD_LOST_SAMPLES && header.size >= 16)
			counts->lost += recording::load<uint64_t>(bytes.data() + at + 8);
		at += header.size;
	}
	return at;
}

} // namespace

double PerfRing::drain(std::string *to, PerfRecordCounts *counts)
{
	// Acquire pairs with the kernel's release of data_head: the records before it are complete.
	const uint64_t head = __atomic_load_n(&page_->data_head, __ATOMIC_ACQUIRE);
	const uint64_t tail = page_->data_tail;
	const uint64_t available = head - tail;
	if (available == 0)
		return 0;
	if (available > size_) { // cannot happen while only the kernel writes
		counts->damaged++;
		__atomic_store_n(&page_->data_tail, head, __ATOMIC_RELEASE);
		return 1;
	}
	const std::size_t begin = tail % size_;
	const std::size_t first = std::min<std::size_t>(available, size_ - begin);
	const std::size_t before = to->size();
	to->append(data_ + begin, first);
	to->append(data_, available - first);
	to->resize(before + count_records(std::string_view(*to).substr(before), counts));
	// Release: our reads of the records are done before the kernel may overwrite them.
	__atomic_store_n(&page_->data_tail, head, __ATOMIC_RELEASE);
	return static_cast<double>(available) / static_cast<double>(size_);
}

} // namespace neuroperf::collector
