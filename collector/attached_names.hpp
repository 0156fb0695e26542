// SPDX-License-Identifier: Apache-2.0
// From the handles of attached programs to the numbers that definitions have in the recording.
//
// A handle is a hash over what it stands for, so that it means the same nearly everywhere. Where it does not, because
// two objects or processes have used one handle for different things, the object that emits decides. The same content
// has one number in the recording, whoever defined it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/local_definitions.hpp"

namespace neuroperf::collector {

class AttachedNames {
public:
	// Numbers are given from `first_id` up to the last one that readers of recordings accept.
	explicit AttachedNames(uint32_t first_id) : next_id_(first_id) {}

	// `object` tells the objects of a process apart; 0 stands for none.
	void add(uint32_t pid, uint16_t object, const LocalDefinition &definition);
	// What the handle means when this object emits it: as the object itself has defined it, else as any object of
	// the process has. 0: not known.
	uint32_t id_of(uint32_t pid, uint16_t object, uint32_t handle) const;
	// What it means in whichever process has defined it first; for processes that cannot be asked any more.
	uint32_t id_anywhere(uint32_t handle) const;
	// The process is gone, and so are its events.
	void forget(uint32_t pid);

	// What has been given a number since the last call.
	std::vector<Definition> take();
	uint64_t without_number() const { return without_number_; }

private:
	// Of one process, by object and handle.
	using Ids = std::unordered_map<uint64_t, uint32_t>;
	static uint64_t key(uint16_t object, uint32_t handle) { return uint64_t{object} << 32 | handle; }
	uint32_t number_of(const Definition &definition);

	uint32_t next_id_;
	std::unordered_map<uint32_t, Ids> ids_; // by process
	std::size_t handles_ = 0;               // in all of them
	std::unordered_map<uint32_t, uint32_t> anywhere_;
	std::unordered_map<std::string, uint32_t> by_content_;
	std::vector<Definition> fresh_;
	uint64_t without_number_ = 0;
};

} // namespace neuroperf::collector
