// SPDX-License-Identifier: Apache-2.0
// Counts samples by stack: process, then the layers that were open, then functions, as a tree.
//
// While reading, frames are places in code; named() turns the tree into one of names, once, at the end.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <string>
#include <vector>

#include "analyzer/layers.hpp"
#include "analyzer/place_numbers.hpp"
#include "analyzer/report.hpp"
#include "analyzer/symbolizer.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

// A function as the report names it.
struct Function {
	std::string symbol; // human form; "[unknown]" when there is no name
	std::string module;
	std::string line; // "file:number", when asked for and known
	bool kernel = false;
	bool named = false;
};

// The tree with names. A parent stands before its children; node 0 is the root.
struct NamedStacks {
	static constexpr uint32_t kNoFunction = UINT32_MAX;
	struct Node {
		uint32_t parent = 0;
		uint32_t label = 0; // index into labels
		uint32_t function = kNoFunction;
		FrameKind kind = FrameKind::root;
		uint64_t self = 0, total = 0;
	};
	std::vector<Node> nodes;
	std::vector<std::string> labels;
	std::vector<Function> functions;
	uint64_t samples = 0;
	uint64_t without_name = 0; // samples whose innermost function has no name
};

class Stacks {
public:
	struct Options {
		bool by_thread = false;     // threads between processes and layers
		bool inline_frames = false; // functions that the compiler put into others
		bool lines = false;         // tell functions apart by source line
	};

	Stacks(const Threads &threads, const Layers &layers) : threads_(threads), layers_(layers), places_(threads) {}

	void set_options(const Options &options) { options_ = options; }
	// One sample with its frames, innermost first; there must be one.
	void add(ThreadId thread, const std::vector<Frame> &frames);
	NamedStacks named(Symbolizer *symbolizer, const std::string &root_name) const;

private:
	// What a node of the tree stands for. value: ProcessId, ThreadId, DefinitionNumber or PlaceNumber.
	struct Key {
		uint32_t parent;
		uint32_t value;
		FrameKind kind;
		bool operator==(const Key &) const = default;
	};
	struct KeyHash {
		std::size_t operator()(const Key &key) const
		{
			return mix_bits((uint64_t{key.parent} << 32 | key.value) + static_cast<uint64_t>(key.kind));
		}
	};
	struct Node {
		Key key;
		uint64_t self = 0;
	};
	// The stack before on the same thread: what is the same further out need not be looked up again.
	struct Path {
		uint32_t base = 0;
		uint32_t user_generation = 0, kernel_generation = 0;
		std::vector<Frame> frames; // outermost first
		std::vector<uint32_t> nodes;
	};

	uint32_t child(uint32_t parent, FrameKind kind, uint32_t value);
	uint32_t base_of(ThreadId thread);

	Options options_;
	const Threads &threads_;
	const Layers &layers_;
	PlaceNumbers places_;
	std::vector<Node> nodes_ = {{{0, 0, FrameKind::root}, 0}};
	tsl::robin_map<Key, uint32_t, KeyHash> children_;
	std::vector<Path> paths_;                   // by thread
	std::vector<DefinitionNumber> open_layers_; // scratch
};

} // namespace neuroperf::analyzer
