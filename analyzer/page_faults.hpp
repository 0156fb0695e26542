// SPDX-License-Identifier: Apache-2.0
// Which samples were taken while the kernel handled a page fault of their thread: by the functions in their call
// chains. Most of them are minor ones, of memory that is touched for the first time. A major one is one too until it
// waits.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "analyzer/call_chain.hpp"
#include "analyzer/symbolizer.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

class PageFaults {
public:
	PageFaults(const Threads &threads, Symbolizer *symbolizer) : threads_(threads), symbolizer_(*symbolizer) {}

	// `frames`: of a sample in the kernel, innermost first.
	bool is_handled_in(ProcessId process, const std::vector<Frame> &frames);
	// Whether the kernel's functions have names here: else nothing is known.
	bool has_names() const { return has_names_; }

private:
	static constexpr std::size_t kMostAddresses = 1 << 20;

	bool is_handler(ProcessId process, const Frame &frame);

	const Threads &threads_;
	Symbolizer &symbolizer_;
	bool has_names_ = false;
	std::unordered_map<uint64_t, bool> is_handler_; // by address
};

} // namespace neuroperf::analyzer
