// SPDX-License-Identifier: Apache-2.0
// The rings of a BPF program that includes bpf/cpu_rings.bpf.h, one for each CPU.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "collector/bpf_support.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

class BpfCpuRings {
public:
	// As libbpf wants it: 0, or less to end this drain.
	using Take = int (*)(void *context, void *data, std::size_t size);

	// Once the program is loaded. `map`: its np_rings, with room for the highest CPU; `ring_bytes`: as from
	// bpf_ring_bytes. False: errno says why not, `doing` what failed.
	bool make(int map, const std::vector<unsigned> &cpus, std::size_t ring_bytes, Take take, void *context,
		  std::string_view *doing);

	int descriptor() const { return wakeups_.get(); } // readable when a ring asks to be drained
	void drain();
	// Most records that rings full of such hold, however small they are.
	std::size_t most_records(std::size_t record_bytes) const;

private:
	std::vector<UniqueFd> maps_;
	BpfRing rings_;
	UniqueFd wakeups_;
	std::size_t ring_bytes_ = 0;
};

} // namespace neuroperf::collector
