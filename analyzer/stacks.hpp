// SPDX-License-Identifier: Apache-2.0
// Counts samples by stack: process, then the layers that were open, then functions, as a tree.
//
// While reading, frames are places (module and offset, or kernel address), because naming them costs; named() turns the
// tree into one of names, once, at the end.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/layers.hpp"
#include "analyzer/report.hpp"
#include "analyzer/symbolizer.hpp"
#include "analyzer/threads.hpp"
#include "recording/sample_layout.hpp"

namespace neuroperf::analyzer {

// A function as the report names it.
struct FunctionCounts {
	std::string symbol; // human form; "[unknown]" with the offset in the module when there is no name
	std::string module;
	bool kernel = false;
	uint64_t self_samples = 0;
	uint64_t total_samples = 0; // of stacks it occurs in, each once; without call chains equal to self
};

struct NamedStacks {
	Flame flame;
	std::vector<FunctionCounts> functions; // by falling self samples
	uint64_t samples = 0;
	uint64_t without_name = 0; // samples whose innermost function has no name
};

class Stacks {
public:
	Stacks(const Threads &threads, const Layers &layers) : threads_(threads), layers_(layers) {}

	void add(ThreadId thread, const recording::Sample &sample);
	NamedStacks named(Symbolizer *symbolizer, const std::string &root_name) const;

private:
	// What a node of the tree stands for. value: ProcessId, DefinitionNumber, or an index into places_.
	struct Key {
		uint32_t parent;
		FrameKind kind;
		uint32_t value;
		bool operator==(const Key &) const = default;
	};
	struct KeyHash {
		std::size_t operator()(const Key &key) const;
	};
	struct CodePlace {
		bool kernel;
		bool caller;     // a return address: the call stands just before it
		ModuleId module; // user only
		bool known;      // user only: false, the offset is the address itself
		uint64_t offset; // in the module, or the kernel address
		bool operator==(const CodePlace &) const = default;
	};
	struct CodePlaceHash {
		std::size_t operator()(const CodePlace &place) const;
	};
	struct Node {
		Key key;
		uint64_t self = 0;
	};

	uint32_t child(uint32_t parent, FrameKind kind, uint32_t value);
	uint32_t place_index(ProcessId process, uint64_t address, bool kernel, bool caller);
	void append_places(ThreadId thread, const recording::Sample &sample);

	const Threads &threads_;
	const Layers &layers_;
	std::vector<Node> nodes_ = {{{0, FrameKind::root, 0}, 0}};
	std::unordered_map<Key, uint32_t, KeyHash> children_;
	std::vector<CodePlace> places_;
	std::unordered_map<CodePlace, uint32_t, CodePlaceHash> index_of_place_;
	std::vector<uint32_t> stack_;               // scratch: places, innermost first
	std::vector<DefinitionNumber> open_layers_; // scratch
};

} // namespace neuroperf::analyzer
