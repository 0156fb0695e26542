// SPDX-License-Identifier: Apache-2.0
// Memory that launched programs share with the recorder, by a descriptor that they inherit across fork and exec.
//
// A memfd, sealed against resizing: what programs write there may be anything, but reading it cannot fault. Sparse:
// memory is taken where somebody writes.
#pragma once

#include <cstdint>
#include <string_view>

#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

class InheritedMemory {
public:
	// `name` is for /proc/PID/maps. All zeros.
	static Result<InheritedMemory> create(const char *name, uint64_t size);
	InheritedMemory() = default; // none
	InheritedMemory(InheritedMemory &&other) noexcept;
	InheritedMemory &operator=(InheritedMemory &&other) noexcept;
	~InheritedMemory();

	void *data() const { return data_; }
	int descriptor() const { return descriptor_.get(); }
	// By which a program knows that the descriptor is still this one.
	uint64_t cookie() const { return cookie_; }

private:
	UniqueFd descriptor_;
	void *data_ = nullptr;
	uint64_t size_ = 0, cookie_ = 0;
};

// Another descriptor of the same, which is inherited across exec.
Result<UniqueFd> make_inherited(int descriptor);

} // namespace neuroperf::collector
