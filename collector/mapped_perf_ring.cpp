// SPDX-License-Identifier: Apache-2.0
#include "collector/mapped_perf_ring.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace neuroperf::collector {

MappedPerfRing::MappedPerfRing(int event, std::size_t pages)
	: page_bytes_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))), data_bytes_(pages * page_bytes_)
{
	void *const memory = ::mmap(nullptr, page_bytes_ + data_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
	memory_ = memory == MAP_FAILED ? nullptr : memory;
}

MappedPerfRing::~MappedPerfRing()
{
	if (memory_)
		::munmap(memory_, page_bytes_ + data_bytes_);
}

MappedPerfRing::MappedPerfRing(MappedPerfRing &&other) noexcept
	: page_bytes_(other.page_bytes_), data_bytes_(other.data_bytes_), memory_(std::exchange(other.memory_, nullptr))
{
}

double MappedPerfRing::drain(std::string *to, PerfRecordCounts *counts)
{
	return PerfRing(memory_, static_cast<const char *>(memory_) + page_bytes_, data_bytes_).drain(to, counts);
}

uint64_t MappedPerfRing::bytes_written() const
{
	return __atomic_load_n(&static_cast<const perf_event_mmap_page *>(memory_)->data_head, __ATOMIC_ACQUIRE);
}

} // namespace neuroperf::collector
