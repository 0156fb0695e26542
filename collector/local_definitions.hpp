// SPDX-License-Identifier: Apache-2.0
// Reads what an instrumented program has defined out of its memory (struct np_probe, include/neuroperf/attach.h).
//
// One reader an object. Everything read is hostile input: bounded, checked, counted and skipped.
#pragma once

#include <neuroperf/attach.h>

#include <cstdint>
#include <vector>

#include "collector/shared_rings.hpp"

namespace neuroperf::collector {

struct LocalDefinition {
	uint32_t handle = 0;
	Definition definition; // its id is 0
};

class LocalDefinitions {
public:
	LocalDefinitions(int pid, uint64_t probe_address) : pid_(pid), address_(probe_address) {}

	// Appends the definitions that have appeared since the last call. False if there is no struct np_probe that we
	// understand, or it cannot be read.
	bool read_new(std::vector<LocalDefinition> *definitions);

	uint64_t address() const { return address_; }
	// The object's events go to the shared memory of another recorder.
	bool is_recorded_elsewhere() const { return probe_.listeners.by.shared_memory != 0; }
	uint64_t malformed() const { return malformed_; }

private:
	void read_range(uint32_t first, uint32_t count, std::vector<LocalDefinition> *definitions);
	void read_definition(const np_definition &entry, std::vector<LocalDefinition> *definitions);

	int pid_;
	uint64_t address_;
	np_probe probe_{}; // as last read
	uint32_t read_ = 0;
	std::vector<uint32_t> unfinished_;
	uint64_t malformed_ = 0;
};

} // namespace neuroperf::collector
