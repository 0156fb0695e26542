// SPDX-License-Identifier: Apache-2.0
// What the code of a whole function, read from its first byte to its last, says: where it returns, where it goes on
// behind calls, which addresses it takes. x86-64 and aarch64.
//
// Code is decoded one instruction after the other; compilers put no data between the instructions of a function. Where
// one cannot be decoded the answer is an error, not a guess.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "collector/code_index.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// Where in the file the instructions are that return to the caller, of a function at `offset`, ordered. A jump out of
// it goes on in what `part_at` knows of the place it leads to. Errors: format (not decodable), not_found (there is
// none, or the function is also left by a jump, behind which nobody sees it return), unsupported (another machine).
using PartAt = std::function<std::optional<CodePart>(uint64_t offset)>;
Result<std::vector<uint64_t>> exits_of(uint16_t elf_machine, uint64_t offset, std::span<const uint8_t> code,
				       const PartAt &part_at);

// Offsets behind its calls, from its begin. Errors as above.
Result<std::vector<uint64_t>> behind_calls_of(uint16_t elf_machine, std::span<const uint8_t> code);

// Addresses that it computes relative to itself, in order, if it lies at `address`: of data or functions. As far as it
// can be decoded.
std::vector<uint64_t> addresses_taken(uint16_t elf_machine, std::span<const uint8_t> code, uint64_t address);

// Where what it writes ends, from the begin of the element that it fills in, of a function at `address` that does
// nothing else: the size of an element of the array that lies at `array`. Errors: format (not decodable), not_found (it
// does something else, or nothing to this array), unsupported (another machine).
Result<uint64_t> bytes_filled_in(uint16_t elf_machine, std::span<const uint8_t> code, uint64_t address, uint64_t array);

} // namespace neuroperf::collector
