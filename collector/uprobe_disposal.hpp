// SPDX-License-Identifier: Apache-2.0
// Lets go of uprobes beside the recorder's work: the kernel waits some 100 ms for each until nobody is inside.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "collector/uprobe.hpp"

namespace neuroperf::collector {

// Lets go of all of them and waits until they are gone; side by side they wait together.
void let_go(std::vector<Uprobe> probes);

// One thread uses it; another one, its own, waits.
class UprobeDisposal {
public:
	void add(std::vector<Uprobe> probes);
	// Begins with what was added, unless it is at work; to be called now and then.
	void work();
	bool is_done() const { return waiting_.empty() && !busy_; }
	// Waits until all that were added are gone.
	void finish();

private:
	std::vector<Uprobe> waiting_;
	std::atomic<bool> busy_ = false;
	std::jthread worker_; // ends before what it uses
};

} // namespace neuroperf::collector
