// SPDX-License-Identifier: Apache-2.0
// The elements of arrays in a file, where a description has each of them counted: generated simulators keep a structure
// for each population there. How many there are is the size of the array's symbol. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/code_index.hpp"
#include "collector/runtime_description.hpp"

namespace neuroperf::collector {

struct ArrayElement {
	uint64_t address = 0;              // in the file's own numbering
	std::vector<std::string> captured; // what the stars stood for: those it was asked with, the array's, its number
};

struct ArrayElements {
	std::vector<ArrayElement> elements;
	std::vector<std::string> refused; // "symbol: why its elements are not what the description says"
};

// `captured` is what the stars of the place's own pattern stood for.
ArrayElements elements_of(const ArraySearch &search, const CodeIndex &file, const std::vector<std::string> &captured);

} // namespace neuroperf::collector
