// SPDX-License-Identifier: Apache-2.0
// The ring buffer that the kernel fills with perf records.
//
// Takes memory, not a descriptor, so that tests can hand it crafted bytes. One reader; the kernel is the writer.
//   page 0: perf_event_mmap_page (data_head, data_tail) | data pages, a power of two
#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace neuroperf::collector {

struct PerfRecordCounts {
	uint64_t samples = 0;
	uint64_t mappings = 0; // MMAP2
	uint64_t lost = 0;     // PERF_RECORD_LOST and LOST_SAMPLES
	uint64_t damaged = 0;  // times the ring held something that is no record
};

class PerfRing {
public:
	// `metadata` is the first page, `data` the pages behind it, `size` their bytes.
	PerfRing(void *metadata, const void *data, std::size_t size)
		: page_(static_cast<perf_event_mmap_page *>(metadata)), data_(static_cast<const char *>(data)),
		  size_(size)
	{
	}

	// Appends all complete records to `to`, counts them and gives the room back to the kernel. Returns how full the
	// ring was, 0 to 1.
	double drain(std::string *to, PerfRecordCounts *counts);

private:
	perf_event_mmap_page *page_;
	const char *data_;
	std::size_t size_;
};

} // namespace neuroperf::collector
