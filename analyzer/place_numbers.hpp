// SPDX-License-Identifier: Apache-2.0
// Numbers for places in code: what an address of a process stood for when it was sampled.
//
// Naming a place costs; so each is found once, kept by its number, and named when the recording has been read.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <vector>

#include "analyzer/call_chain.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

inline uint64_t mix_bits(uint64_t value) // splitmix64's finalizer
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

using PlaceNumber = uint32_t;

struct CodePlace {
	Side side = Side::user;
	bool known = false; // in a module; else offset is the address itself
	ModuleId module{};
	uint64_t offset = 0; // of the instruction: in front of a return address
	bool operator==(const CodePlace &) const = default;
};

class PlaceNumbers {
public:
	explicit PlaceNumbers(const Threads &threads) : threads_(threads) {}

	PlaceNumber number(ProcessId process, const Frame &frame);
	const std::vector<CodePlace> &places() const { return places_; }

private:
	struct Seen { // an address while the mappings are what they are
		uint64_t address;
		uint32_t generation;
		uint32_t side_and_return;
		bool operator==(const Seen &) const = default;
	};
	struct SeenHash {
		std::size_t operator()(const Seen &seen) const
		{
			return mix_bits(seen.address + (uint64_t{seen.generation} << 40) + seen.side_and_return);
		}
	};
	struct PlaceHash {
		std::size_t operator()(const CodePlace &place) const
		{
			return mix_bits(place.offset + (uint64_t{static_cast<uint32_t>(place.module)} << 44) +
					static_cast<uint64_t>(place.side));
		}
	};
	PlaceNumber find(ProcessId process, const Frame &frame);

	const Threads &threads_;
	tsl::robin_map<Seen, PlaceNumber, SeenHash> seen_;
	std::vector<CodePlace> places_;
	tsl::robin_map<CodePlace, PlaceNumber, PlaceHash> number_of_place_;
};

} // namespace neuroperf::analyzer
