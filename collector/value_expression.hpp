// SPDX-License-Identifier: Apache-2.0
// The small language in which runtime descriptions say what to read where a probe is hit (docs/adding-a-runtime.md).
//
//   value  = term { ("+" | "-") summand }
//   term   = "arg1" .. "arg6" | "result" | "element" | "data" "(" symbol ")" | number | read "(" value ")"
//   read   = "*" (a pointer) | "u8" | "u16" | "u32" | "u64"
//   summand = number | [number "*"] ("file_u32" "(" symbol ")" | "index")
//   symbol = '"' pattern of a name, of which {1} is what the first '*' of the place's own pattern stood for '"'
//   string = ("c_string" | "std_string" | "type_name") "(" value ")"
//   count  = value | "sum_u8" "(" value "," value ")" | "vector_size" "(" value "," number ")"
//
// "*(*(arg2+8)+8)" is what a pointer at arg2+8 points to, 8 bytes behind. It becomes fixed steps for a BPF program
// (bpf/runtime_event.h): at most NP_READ_STEPS reads, a smaller one only as the last. `index` is of shapes, once in a
// value, `element` of places with an array, of which each element is counted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/runtime_event.h"
#include "recording/result.hpp"

namespace neuroperf::collector {

// What depends on the file in which a place was found: to be added to an offset.
struct FileReference {
	// Where the symbol is, the 32 bits that stand there, or where an element of the place's array is.
	enum class What { address, number, element };
	What what = What::address;
	std::string symbol; // a pattern; of an element the word
	int64_t times = 1;
	std::size_t step = 0; // of np_read: offsets[step], or `add` behind the last one
};

// What a BPF program reads, and what of it is only known with the file.
struct ValueExpression : np_read {
	std::vector<FileReference> references;

	ValueExpression() : np_read{} {}
	bool given() const { return from != NP_READ_NOTHING; }
	bool uses_index() const { return index_scale != 0; }
	bool uses_element() const;
};

struct CountExpression {
	ValueExpression value;      // with `bytes`: where they are
	ValueExpression bytes;      // how many are to be added up, or where the elements end; else not given
	uint32_t element_bytes = 0; // of one element between the two; 0: bytes are added up
};

// Errors: format, saying what is wrong at which column.
Result<ValueExpression> parse_value(std::string_view text);
Result<ValueExpression> parse_string(std::string_view text);
Result<CountExpression> parse_count(std::string_view text);

// `value_of` says what a reference stands for. Errors: not_found if it does not know, format if the sum is too large.
Result<np_read> resolve(const ValueExpression &value,
			const std::function<std::optional<int64_t>(const FileReference &)> &value_of);

} // namespace neuroperf::collector
