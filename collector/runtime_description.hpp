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
#include "recording/result.hpp"

namespace neuroperf::collector {

enum class PlaceMeans { inference, layer, op, phase, spikes, synops };
std::string_view to_string(PlaceMeans means); // "operator" for op

struct PlaceSearch {
	enum class How {
		exported,    // a function in the file's dynamic symbols
		symbol,      // a function in any of its symbol tables
		virtual_slot // of a class and all that derive from it, by run-time type information
	};
	How how = How::exported;
	std::string pattern; // '*' stands for anything; of virtual slots: the class as RTTI names it
	unsigned slot = 0;
};

struct RuntimePlace {
	std::string name; // of the layer or inference, where nothing else names it; {symbol} stands for the function's
	PlaceMeans means = PlaceMeans::layer;
	PlaceSearch find;
	np_place reads{};

	bool is_span() const { return means != PlaceMeans::spikes && means != PlaceMeans::synops; }
	// Argument registers that are read: bit 0 is the first.
	uint8_t arguments() const;
};

struct RuntimeDescription {
	std::string name;               // "onnxruntime"
	std::string title;              // "ONNX Runtime"
	std::string tested;             // versions it was checked with, or why it was not
	std::vector<std::string> files; // patterns of file names
	std::string requires_symbol;    // exported, or empty
	std::string requires_class;     // by RTTI, or empty
	std::vector<RuntimePlace> places;

	bool has_inferences() const;
};

// `where` names the text in errors, which say the line where one can be told.
Result<RuntimeDescription> parse_runtime_description(std::string_view text, const std::string &where);
Result<RuntimeDescription> read_runtime_description(const std::string &path);
std::vector<RuntimeDescription> built_in_runtimes();

// Which descriptions to use: "auto" (all), "none", or names; files of the user's come first.
Result<std::vector<RuntimeDescription>> chosen_runtimes(const std::vector<std::string> &names,
							const std::vector<std::string> &files);

// '*' stands for any characters.
bool matches_pattern(std::string_view text, std::string_view pattern);

} // namespace neuroperf::collector
