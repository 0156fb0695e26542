// SPDX-License-Identifier: Apache-2.0
// What is known of one runtime: how its files are recognised, which places in them to probe, and what each means.
//
// data/runtimes/*.json, compiled in, or a file of the user's (--runtime-file);
// data/schema/neuroperf.runtime-1.schema.json says what a file holds, docs/adding-a-runtime.md how to write one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/runtime_event.h"
#include "collector/value_expression.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// `renewal`: what runs from here on may be made anew, so that memory gets other names.
enum class PlaceMeans { inference, layer, op, phase, spikes, synops, renewal };
std::string_view to_string(PlaceMeans means); // "operator" for op

struct PlaceSearch {
	enum class How {
		exported,     // a function in the file's dynamic symbols
		symbol,       // a function in any of its symbol tables
		virtual_slot, // of a class and all that derive from it, by run-time type information
		table         // in tables of functions that an exported function returns
	};
	How how = How::exported;
	std::string pattern; // collector/name_pattern.hpp; of virtual slots: the class as RTTI names it
	std::vector<unsigned> slots;
};

// Arrays of the file, each element of which is a row of its own: `element` in the values is where it lies.
struct ArraySearch {
	std::string pattern;        // of the arrays' symbols
	uint32_t element_bytes = 0; // how many elements there are follows from the symbol's size
	std::string filled_by;      // a function of the file that writes all of one element, or empty: a check

	bool given() const { return element_bytes != 0; }
};

// What is read at a place; what is not given is not read.
struct PlaceReads {
	ValueExpression identity; // tells layers apart
	ValueExpression value;    // a count, or with `summed` where the bytes are
	ValueExpression summed;   // how many bytes are to be added up
	ValueExpression name;
	ValueExpression kind;                   // a string, or a number that stands for one of `kinds`
	ValueExpression index[NP_MOST_INDICES]; // of the shape: found one by the other
	ValueExpression shape, shape_count;     // of its tensor: where the sizes are, how many
	uint32_t element_bytes = 0;             // what `summed` ends are elements of this size; 0: bytes to add up
	uint32_t shape_size = 8;                // bytes of one

	std::vector<const ValueExpression *> all() const
	{
		return {&identity, &value, &summed, &name, &kind, &index[0], &index[1], &shape, &shape_count};
	}
	void leave_out_shape() { index[0] = index[1] = shape = shape_count = {}; }
	// Whether more than an identity tells layers apart.
	bool tells_names() const { return name.given() || kind.given() || shape.given(); }
};

struct RuntimePlace {
	std::string name; // of the layer or inference, where nothing else names it; {symbol} stands for the function's
	PlaceMeans means = PlaceMeans::layer;
	PlaceSearch find;
	ArraySearch each{};
	PlaceReads reads{};
	std::vector<std::string> kinds{}; // by number
	bool at_exit = false;             // where the function returns, not where it is entered
	bool optional = false;            // not every version or program has it
	// Calls of an inference follow each other, with nothing of weight in between: one may be taken to last until
	// the next one of its thread begins.
	bool successive = false;
	// So long after a hit an identity has the names that it had, unless a renewal came between: the runtime cannot
	// have made another one of the same memory so soon. 0: nobody knows.
	uint32_t names_stay_us = 0;
	// Virtual functions whose arguments are all in registers, so that their calls may go by the agent inside a
	// launched program.
	bool in_registers = false;
	// An inference is submitted here, or waited for until it has ended; its identity says which one.
	enum class Async { no, begin, end };
	Async async = Async::no;

	// Whether it may be left out for a while when probes cost too much. What is counted, and inferences, may not.
	bool may_be_sampled() const { return is_span() && means != PlaceMeans::inference; }
	bool is_span() const { return !is_counted() && means != PlaceMeans::renewal; }
	bool is_counted() const { return means == PlaceMeans::spikes || means == PlaceMeans::synops; }
	// Argument registers that are read: bit 0 is the first.
	uint8_t arguments() const;
};

struct RuntimeDescription {
	std::string name;                        // "onnxruntime"
	std::string title;                       // "ONNX Runtime"
	std::string tested;                      // versions it was checked with, or why it was not
	std::vector<std::string> files;          // patterns of file names
	std::vector<std::string> excepted_files; // of them: versions that another description is for
	std::string requires_symbol;             // exported, or empty
	std::string requires_class;              // by RTTI, or empty
	std::vector<RuntimePlace> places;
	bool names_from_python = false;   // layers are known by addresses that Python tells names of
	std::vector<std::string> callers; // patterns of functions that call them: where ends of calls are seen at once

	bool has_inferences() const;
};

// `where` names the text in errors, which say the line where one can be told.
Result<RuntimeDescription> parse_runtime_description(std::string_view text, const std::string &where);
Result<RuntimeDescription> read_runtime_description(const std::string &path);
std::vector<RuntimeDescription> built_in_runtimes();

// Which descriptions to use: "auto" (all), "none", or names; files of the user's come first.
Result<std::vector<RuntimeDescription>> chosen_runtimes(const std::vector<std::string> &names,
							const std::vector<std::string> &files);

} // namespace neuroperf::collector
