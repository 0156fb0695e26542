// SPDX-License-Identifier: Apache-2.0
// A line on standard error that says how far long work has come. Short work says nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace neuroperf::viewer {

class Progress {
public:
	explicit Progress(std::string what);
	~Progress(); // takes the line away again
	Progress(const Progress &) = delete;
	Progress &operator=(const Progress &) = delete;

	void tell(uint64_t done, uint64_t all);

private:
	using Clock = std::chrono::steady_clock;
	std::string what_;
	bool is_terminal_;
	bool shown_ = false;
	Clock::time_point begin_ = Clock::now(), last_{};
};

} // namespace neuroperf::viewer
