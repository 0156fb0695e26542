// SPDX-License-Identifier: Apache-2.0
// Probes at many places of files, of which some can be taken off and put back while the others stay.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "collector/uprobe.hpp"
#include "collector/uprobe_disposal.hpp"
#include "recording/unique_fd.hpp"

struct bpf_program;

namespace neuroperf::collector {

class SwitchedProbes {
public:
	// Attaches; returns how many places the kernel took. Those that are `switchable` wait until they are on.
	std::size_t add(UprobeKind kind, const bpf_program *program, int file, std::vector<UprobeSpot> spots,
			bool switchable);
	bool is_on() const { return on_; }
	// Taking off goes on beside the caller's work. Returns how many places the kernel refused.
	std::size_t switch_to(bool on);
	// Now and then: goes on with what is to be taken off.
	void work() { taken_off_.work(); }
	// Takes all off, and waits until they are.
	void detach();

private:
	struct Group {
		UprobeKind kind;
		const bpf_program *program;
		UniqueFd file;
		std::vector<UprobeSpot> spots;
		std::size_t wanted;         // of them: as many as the kernel took the first time
		std::vector<Uprobe> probes; // empty while they are off
	};

	bool on_ = true;
	std::vector<Uprobe> kept_;
	std::vector<Group> switchable_;
	UprobeDisposal taken_off_;
};

} // namespace neuroperf::collector
