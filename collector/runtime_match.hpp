// SPDX-License-Identifier: Apache-2.0
// Holds a file that somebody has mapped against the descriptions of runtimes: is it one of them, where are the places,
// and where in each function does a probe go. Pure: nothing is attached.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/code_index.hpp"
#include "collector/probe_placer.hpp"
#include "collector/runtime_description.hpp"

namespace neuroperf::collector {

// A place as it is read in this file.
struct FoundPlace {
	std::size_t place = 0; // index in the description
	np_place reads{};
};

struct FoundFunction {
	std::size_t place = 0;             // index in the description
	std::size_t found_place = 0;       // index in RuntimeMatch::places
	std::string name;                  // symbol, or class of a virtual function
	std::vector<std::string> captured; // what each '*' of the place's pattern stood for
	uint64_t probe_offset = 0;         // in the file, of the probe at its entry or at an exit
	uint32_t pushed_bytes = 0;         // how far the stack pointer has moved there
	ProbeCost cost = ProbeCost::stepped;
	// Of a virtual function: where it begins in the file, its address, and those of the slots that hold it.
	uint64_t entry_offset = 0, entry_address = 0;
	std::vector<uint64_t> slots{};
};

struct RuntimeMatch {
	const RuntimeDescription *runtime = nullptr;
	std::vector<FoundPlace> places;
	std::vector<FoundFunction> functions; // one for each probe: those with several exits come several times
	std::vector<uint64_t> behind_calls;   // offsets in the file, in functions that call them
	std::vector<std::size_t> missing;     // places of which nothing was found
	std::size_t not_there = 0;            // places that need not be there, and are not
	std::vector<std::string> refused;     // "symbol: why no probe can go there"
	std::vector<std::string> uncounted;   // arrays: "symbol: why its elements are not counted"
	std::size_t with_cost(ProbeCost cost) const;
};

// Whether a file of this name may be the runtime: before it is looked into.
bool may_be(const RuntimeDescription &runtime, std::string_view path);
// Whether it is.
bool is_runtime(const RuntimeDescription &runtime, const CodeIndex &file);
// Where its places are. `wide_nops_are_calls` as in ProbeWish; kernels where they are not step them.
RuntimeMatch match_runtime(const RuntimeDescription &runtime, const CodeIndex &file, bool wide_nops_are_calls);

// Where behind a call a probe goes: `code` is what the call returns to. Nothing has moved the stack pointer up to
// there, or it is known how far.
Result<ProbePoint> place_behind_call(std::span<const uint8_t> code, bool wide_nops_are_calls);

} // namespace neuroperf::collector
