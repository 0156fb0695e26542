// SPDX-License-Identifier: Apache-2.0
// The recorder's side of the agent inside a launched program (collector/agent/): its library, and the memory that both
// have mapped.
//
// What the program writes there is hostile input: MappedRings has positions of its own and checks the rest.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/agent/agent_memory.h"
#include "collector/inherited_memory.hpp"
#include "collector/mapped_rings.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

// The agent's file, which is installed with the recorder. not_found: it is not; unsupported: there is none for this
// kind of CPU.
Result<std::string> agent_library();

class AgentMemory {
public:
	// `told`: BPF's table of struct np_told, which the program shall read; its last slot is marked.
	static Result<AgentMemory> create(std::string library, int told);

	// For the program, which must inherit the descriptors: "NAME=value".
	std::vector<std::string> environment() const;
	const std::string &library() const { return library_; }
	np_agent_memory &shared() const { return *static_cast<np_agent_memory *>(memory_.data()); }
	MappedRings &rings() { return *rings_; }

	// Events that found no room.
	uint64_t dropped() const { return __atomic_load_n(&shared().header.dropped, __ATOMIC_RELAXED); }
	// Gives rings of threads that are gone to others: a system call for each ring that is in use.
	void free_rings_of_dead_threads();

private:
	AgentMemory() = default;

	std::string library_;
	InheritedMemory memory_;
	UniqueFd told_; // inherited
	std::unique_ptr<MappedRings> rings_;
};

} // namespace neuroperf::collector
