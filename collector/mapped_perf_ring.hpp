// SPDX-License-Identifier: Apache-2.0
// The ring of a perf event, mapped as long as this is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "collector/perf_ring.hpp"

namespace neuroperf::collector {

class MappedPerfRing {
public:
	// `pages` of data, a power of two. Not valid if the kernel refuses; errno says why.
	MappedPerfRing(int event, std::size_t pages);
	~MappedPerfRing();
	MappedPerfRing(MappedPerfRing &&other) noexcept;
	MappedPerfRing &operator=(MappedPerfRing &&) = delete;

	bool valid() const { return memory_ != nullptr; }
	// As PerfRing::drain.
	double drain(std::string *to, PerfRecordCounts *counts);
	// By the kernel, since the beginning.
	uint64_t bytes_written() const;

private:
	std::size_t page_bytes_, data_bytes_;
	void *memory_ = nullptr;
};

} // namespace neuroperf::collector
