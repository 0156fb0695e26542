// SPDX-License-Identifier: Apache-2.0
// The kernel tells at once which processes are new: children of those that are followed, at any depth, and programs
// that start (bpf/process_tree.bpf.c). Needs root, or CAP_BPF and CAP_PERFMON, and a kernel with BTF.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::collector {

struct ProcessNotice {
	uint64_t time_ns = 0; // CLOCK_MONOTONIC
	int pid = 0;
	bool is_fork = false; // else it runs another program now
};

class ProcessNotices {
public:
	// With `every_program`, of programs that any process starts.
	static Result<ProcessNotices> open(bool every_program);
	~ProcessNotices();
	ProcessNotices(ProcessNotices &&other) noexcept;
	ProcessNotices &operator=(ProcessNotices &&) = delete;

	// From now on its children are told, and theirs. Doing it again does no harm. False if the process is gone.
	// `by_files`: its events come by probes that other processes have too (followed_map() tells these apart).
	bool follow(int pid, bool by_files);
	int followed_map() const;
	// What has come since the last call. Never waits.
	std::vector<ProcessNotice> take();
	// To poll: readable as long as there is something to take.
	int descriptor() const;
	// Children that nobody was told of.
	uint64_t lost() const;

private:
	struct Impl;
	explicit ProcessNotices(std::unique_ptr<Impl> impl);

	std::unique_ptr<Impl> impl_;
};

} // namespace neuroperf::collector
