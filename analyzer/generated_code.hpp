// SPDX-License-Identifier: Apache-2.0
// Functions that a program generated while it ran, by address. The code of a later one may lie where an earlier one
// was: the later one wins.
//
// Owns the names. Where one address had several functions in the course of time, only the last is known: a sample
// taken before is named after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/range_map.hpp"

namespace neuroperf::analyzer {

class GeneratedCode {
public:
	struct Function {
		uint64_t address = 0;
		std::string_view name;
	};
	// More than this are not kept: what a made-up file asks for must stay bounded.
	static constexpr std::size_t kMaximumFunctions = 4'000'000;
	static constexpr std::size_t kMaximumNameLength = std::size_t{64} << 10;

	// The text lives as long as this object.
	std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
	// The name must be kept. A function without size is its first byte. False if there are too many.
	bool add(uint64_t address, uint64_t size, std::string_view name);
	// What is at [from, from + size) is now at `to`. Names: those of the first function there.
	void move(uint64_t from, uint64_t size, uint64_t to);
	const Function *find(uint64_t address) const;
	std::size_t size() const { return functions_.size(); }

private:
	std::deque<std::string> kept_;
	std::vector<Function> functions_;
	RangeMap<uint32_t> ranges_; // indices of functions_
};

} // namespace neuroperf::analyzer
