// SPDX-License-Identifier: Apache-2.0
// Counts samples by stack: process, then the layers that were open, then functions, as a tree.
//
// Frames are named as they come, each place once, so that the tree grows with the functions and not with the addresses.
// Layers and processes get their names at the end, in named(): only then are they all known.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/layers.hpp"
#include "analyzer/place_numbers.hpp"
#include "analyzer/stack_names.hpp"
#include "analyzer/thread_states.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

class Stacks {
public:
	struct Options {
		bool by_thread = false; // threads between processes and layers
		PlaceNames::Options names{};
	};

	Stacks(const Threads &threads, const Layers &layers, Symbolizer *symbolizer)
		: threads_(threads), layers_(layers), places_(threads), names_(threads, places_, symbolizer)
	{
	}
	Stacks(const Stacks &) = delete; // names_ refers to its neighbour
	Stacks &operator=(const Stacks &) = delete;

	void set_options(const Options &options); // before the first sample
	// One sample with its frames, innermost first; there must be one.
	void add(ThreadId thread, const std::vector<Frame> &frames);
	// Time that a thread was off its CPU: the frames it left in, perhaps none, what it waited for, who woke it.
	void add_wait(ThreadId thread, const std::vector<Frame> &frames, ThreadState state,
		      std::optional<ThreadId> waker, uint64_t ns);
	NamedStacks named(const std::string &root_name) const;

private:
	// What a node of the tree stands for. value: ProcessId, ThreadId, DefinitionNumber, ThreadState, or the number
	// of a function.
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
		std::vector<Frame> frames;   // outermost first
		std::vector<uint32_t> nodes; // the last of each frame: inlined functions make it several
	};

	uint32_t child(uint32_t parent, FrameKind kind, uint32_t value);
	uint32_t node_of(ThreadId thread, const std::vector<Frame> &frames);
	uint32_t base_of(ThreadId thread);

	Options options_;
	const Threads &threads_;
	const Layers &layers_;
	PlaceNumbers places_;
	PlaceNames names_;
	uint64_t without_name_ = 0;
	std::vector<Node> nodes_ = {{{0, 0, FrameKind::root}, 0}};
	tsl::robin_map<Key, uint32_t, KeyHash> children_;
	std::vector<Path> paths_;                   // by thread
	std::vector<DefinitionNumber> open_layers_; // scratch
};

} // namespace neuroperf::analyzer
