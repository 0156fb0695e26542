// SPDX-License-Identifier: Apache-2.0
// Which thread it is that goes by these numbers inside a pid namespace: the memory shared with a program has the
// numbers that the program knows, samples and this process those of our own namespace.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace neuroperf::collector {

struct TaskNumbers {
	uint32_t pid = 0, tid = 0;
	bool operator==(const TaskNumbers &) const = default;
};

class InsideNumbers {
public:
	// Looks through /proc. Nothing if the thread has ended, is hidden, or the question was asked too often: what
	// the program says is not to be trusted.
	std::optional<TaskNumbers> find(uint32_t pid_namespace, TaskNumbers inside);

private:
	std::map<std::pair<uint32_t, uint32_t>, uint32_t> processes_; // namespace and number there -> number here
	unsigned searches_ = 0;
};

} // namespace neuroperf::collector
