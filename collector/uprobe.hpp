// SPDX-License-Identifier: Apache-2.0
// One BPF program on one place of a file, in one process or in all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "recording/unique_fd.hpp"

struct bpf_link;
struct bpf_program;

namespace neuroperf::collector {

constexpr int kEveryProcess = -1;

struct UprobePlace {
	int pid = 0;                   // kEveryProcess: all that map the file, now or later
	int file = -1;                 // open; the kernel keeps the file, not the descriptor
	uint64_t offset = 0;           // in the file
	uint64_t semaphore_offset = 0; // 0 = none
	uint64_t cookie = 0;
};

// By which of its interfaces the kernel attaches. A link of its own kind ("multi", Linux 6.6) costs less at each hit
// than a perf event, and many are let go side by side, where perf events wait 100 ms each, one after another.
enum class UprobeKind { multi, perf };

// Before the program is loaded: which kind it is for.
void prepare_for(UprobeKind kind, bpf_program *program);

// One of many places of a file, at which one program is attached.
struct UprobeSpot {
	uint64_t offset = 0;
	uint64_t cookie = 0;
};

class Uprobe {
public:
	// All at once where the kernel can, which takes milliseconds for hundreds; else one by one. In every process
	// that maps the file. What the kernel refuses is left out; `attached` says how many are not.
	static std::vector<Uprobe> attach_all(UprobeKind kind, const bpf_program *program, int file,
					      std::span<const UprobeSpot> spots, std::size_t *attached);
	// Empty, with errno set, if the kernel refuses.
	static std::optional<Uprobe> attach(UprobeKind kind, const bpf_program *program, const UprobePlace &place);

private:
	struct DestroyLink {
		void operator()(bpf_link *link) const;
	};
	Uprobe() = default;

	UniqueFd link_;                                       // multi
	std::unique_ptr<bpf_link, DestroyLink> through_perf_; // perf
};

} // namespace neuroperf::collector
