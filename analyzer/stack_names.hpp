// SPDX-License-Identifier: Apache-2.0
// Names for the nodes of stacks: functions for places in code, and labels for everything.
#pragma once

#include <tsl/robin_map.h>

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/layers.hpp"
#include "analyzer/named_stacks.hpp"
#include "analyzer/place_numbers.hpp"
#include "analyzer/symbolizer.hpp"

namespace neuroperf::analyzer {

std::string process_label(const Process &process);
std::string thread_label(const Thread &thread);
std::string layer_label(const Layers &layers, DefinitionNumber number);

// Names every place once, when it is first asked for; what is inlined there, too, when that is wanted.
class PlaceNames {
public:
	struct Options {
		bool inline_frames = false; // functions that the compiler put into others
		bool lines = false;         // tell functions apart by source line
	};
	PlaceNames(const Threads &threads, const PlaceNumbers &places, Symbolizer *symbolizer)
		: threads_(threads), places_(places), symbolizer_(*symbolizer)
	{
	}
	void set_options(const Options &options) { options_ = options; }

	// The functions at a place, outermost first; at least one. Valid until the next call.
	std::span<const uint32_t> functions_at(PlaceNumber place)
	{
		while (begin_.size() <= place + 1) {
			add_place(places_.places()[begin_.size() - 1]);
			begin_.push_back(static_cast<uint32_t>(flat_.size()));
		}
		return {flat_.data() + begin_[place], begin_[place + 1] - begin_[place]};
	}
	const std::vector<Function> &functions() const { return functions_; }
	// What flame graphs show: the symbol, or the module in brackets.
	std::string label(uint32_t function) const;

private:
	void add_place(const CodePlace &place);
	Symbolizer::FileId file_of(ModuleId module);
	uint32_t function(Function wanted);
	uint32_t function_of_symbol(std::string_view symbol, const CodePlace &place);

	struct SymbolKey {
		const void *text;
		uint32_t module;
		bool operator==(const SymbolKey &) const = default;
	};
	struct SymbolKeyHash {
		std::size_t operator()(const SymbolKey &key) const
		{
			return mix_bits(reinterpret_cast<uintptr_t>(key.text) + (uint64_t{key.module} << 48));
		}
	};

	const Threads &threads_;
	const PlaceNumbers &places_;
	Symbolizer &symbolizer_;
	Options options_;
	std::vector<Symbolizer::FileId> file_of_module_;
	std::vector<uint32_t> begin_ = {0}; // in flat_, by place
	std::vector<uint32_t> flat_;
	std::vector<Function> functions_;
	std::unordered_map<std::string, uint32_t> index_of_function_;
	tsl::robin_map<SymbolKey, uint32_t, SymbolKeyHash> index_of_symbol_; // without comparing strings
	std::vector<Symbolizer::InlineFrame> inlined_;                       // scratch
};

class NamedTree {
public:
	explicit NamedTree(const std::string &root_name);

	uint32_t child(uint32_t parent, FrameKind kind, const std::string &label);
	uint32_t child(uint32_t parent, FrameKind kind, const std::string &label, uint32_t function);
	void add(uint32_t node, uint64_t samples);
	NamedStacks take(); // with totals

private:
	struct Key {
		uint32_t parent, label;
		FrameKind kind;
		bool operator==(const Key &) const = default;
	};
	struct KeyHash {
		std::size_t operator()(const Key &key) const
		{
			return mix_bits((uint64_t{key.parent} << 32 | key.label) + static_cast<uint64_t>(key.kind));
		}
	};
	uint32_t label_index(const std::string &label);
	uint32_t child_of_label(uint32_t parent, FrameKind kind, uint32_t label, uint32_t function);

	NamedStacks stacks_;
	std::unordered_map<std::string, uint32_t> index_of_label_;
	std::vector<uint32_t> label_of_function_;
	tsl::robin_map<Key, uint32_t, KeyHash> children_;
};

} // namespace neuroperf::analyzer
