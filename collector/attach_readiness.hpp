// SPDX-License-Identifier: Apache-2.0
// Keeps the kernel ready to attach uprobes at once.
//
// Attaching begins by waiting for an RCU grace period, 7 to 40 ms, unless uprobes were attached or let go of in the
// last grace period (percpu_down_write(&dup_mmap_sem) in Linux's kernel/events/uprobes.c, and kernel/rcu/sync.c:
// attaching again within 20 ms took 0.02 ms on 6.18, after 30 ms it took 7). Where a program is about to call what ends
// are learned of, that is the difference between one pass without durations and thirty. So something is attached every
// 12 ms: to a file of our own that nobody has mapped. Forks elsewhere take their slow path meanwhile, some ns more.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "collector/uprobe.hpp"
#include "collector/uprobe_disposal.hpp"
#include "recording/unique_fd.hpp"

struct bpf_program;

namespace neuroperf::collector {

class AttachReadiness {
public:
	AttachReadiness() = default;
	AttachReadiness(const AttachReadiness &) = delete;
	AttachReadiness &operator=(const AttachReadiness &) = delete;
	~AttachReadiness() { end(); } // waits until what was attached for this is gone

	// From soon on until then, by CLOCK_MONOTONIC; what was asked for before stands if that is later. `program`:
	// loaded for UprobeKind::multi, must outlive this. Does nothing where the kernel refuses.
	void keep_until(const bpf_program *program, uint64_t until_ns);
	void end() { until_ns_ = 0; }

private:
	void keep(const bpf_program *program);

	UniqueFd file_;
	std::atomic<uint64_t> until_ns_ = 0;
	std::atomic<bool> at_work_ = false;
	std::jthread worker_;
};

} // namespace neuroperf::collector
