// SPDX-License-Identifier: Apache-2.0
#include "analyzer/stacks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace neuroperf::analyzer {
namespace {

uint64_t mix(uint64_t value) // splitmix64's finalizer
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

// Stacks deeper than this are cut: no kernel records more (kernel.perf_event_max_stack is 127 by default).
constexpr uint64_t kMaxFrames = 1024;
// More different stacks than this are cut short: what a made-up file can ask for must stay bounded.
constexpr std::size_t kMaxNodes = 4'000'000;
constexpr std::size_t kMaxPlaces = 4'000'000;

} // namespace

std::size_t Stacks::KeyHash::operator()(const Key &key) const
{
	return mix(uint64_t{key.parent} << 32 | key.value) ^ static_cast<std::size_t>(key.kind);
}

std::size_t Stacks::CodePlaceHash::operator()(const CodePlace &place) const
{
	return mix(place.offset + (uint64_t{static_cast<uint32_t>(place.module)} << 48)) ^ (place.kernel ? 1 : 0) ^
	       (place.caller ? 2 : 0);
}

uint32_t Stacks::child(uint32_t parent, FrameKind kind, uint32_t value)
{
	const Key key{parent, kind, value};
	if (nodes_.size() >= kMaxNodes && !children_.contains(key))
		return parent;
	const auto [found, is_new] = children_.try_emplace(key, static_cast<uint32_t>(nodes_.size()));
	if (is_new)
		nodes_.push_back({key, 0});
	return found->second;
}

uint32_t Stacks::place_index(ProcessId process, uint64_t address, bool kernel, bool caller)
{
	CodePlace place{kernel, caller, ModuleId{}, false, address};
	if (!kernel)
		if (const Place found = threads_.place(process, address); found.known)
			place = {false, caller, found.module, true, found.offset};
	if (places_.size() >= kMaxPlaces)
		place = {kernel, false, ModuleId{}, false, 0};
	const auto [found, is_new] = index_of_place_.try_emplace(place, static_cast<uint32_t>(places_.size()));
	if (is_new)
		places_.push_back(place);
	return found->second;
}

void Stacks::append_places(ThreadId thread, const recording::Sample &sample)
{
	const ProcessId process = threads_.thread(thread).process;
	bool kernel = (sample.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
	for (uint64_t i = 0; i < std::min(sample.callchain_length, kMaxFrames); i++) {
		const auto address = recording::load<uint64_t>(sample.callchain + i * 8);
		if (address >= PERF_CONTEXT_MAX) { // a marker: which side the following addresses are on
			kernel = address == PERF_CONTEXT_KERNEL;
			continue;
		}
		stack_.push_back(place_index(process, address, kernel, !stack_.empty()));
	}
	if (stack_.empty())
		stack_.push_back(place_index(process, sample.ip, kernel, false));
}

void Stacks::add(ThreadId thread, const recording::Sample &sample)
{
	stack_.clear();
	append_places(thread, sample);
	uint32_t node = child(0, FrameKind::process, static_cast<uint32_t>(threads_.thread(thread).process));
	layers_.open_layers(thread, &open_layers_);
	for (const DefinitionNumber number : open_layers_)
		node = child(node, FrameKind::layer, number);
	for (auto place = stack_.rbegin(); place != stack_.rend(); ++place)
		node = child(node, places_[*place].kernel ? FrameKind::kernel : FrameKind::function, *place);
	nodes_[node].self++;
}

namespace {

// Builds the tree of names out of the tree of places: places of one function become one node.
class Namer {
public:
	struct Function {
		std::string symbol, module;
		bool kernel = false;
		bool named = false;
		auto operator<=>(const Function &) const = default;
	};
	struct NamedNode {
		FrameKind kind = FrameKind::root;
		std::string name;
		int function = -1; // index into functions
		uint64_t self = 0, total = 0;
		std::map<std::pair<FrameKind, std::string>, uint32_t> children;
	};

	std::vector<NamedNode> nodes = std::vector<NamedNode>(1);
	std::vector<Function> functions;

	uint32_t child(uint32_t parent, FrameKind kind, const std::string &name, int function)
	{
		const auto [found, is_new] =
			nodes[parent].children.try_emplace({kind, name}, static_cast<uint32_t>(nodes.size()));
		const uint32_t index = found->second;
		if (is_new)
			nodes.push_back({kind, name, function, 0, 0, {}});
		return index;
	}

	int function(const Function &wanted)
	{
		const auto [found, is_new] = index_.try_emplace(wanted, static_cast<int>(functions.size()));
		if (is_new)
			functions.push_back(wanted);
		return found->second;
	}

	// Children always stand behind their parents.
	void sum_up(const std::vector<uint32_t> &parents)
	{
		for (std::size_t i = nodes.size(); i-- > 0;) {
			nodes[i].total += nodes[i].self;
			if (i > 0)
				nodes[parents[i]].total += nodes[i].total;
		}
	}

	std::vector<uint32_t> parents() const
	{
		std::vector<uint32_t> result(nodes.size(), 0);
		for (uint32_t i = 0; i < nodes.size(); i++)
			for (const auto &[key, index] : nodes[i].children)
				result[index] = i;
		return result;
	}

private:
	std::map<Function, int> index_;
};

Flame flame_of(const Namer &namer)
{
	Flame flame;
	struct Visit {
		uint32_t node, parent;
	};
	std::vector<Visit> pending = {{0, 0}};
	while (!pending.empty()) {
		const Visit visit = pending.back();
		pending.pop_back();
		const Namer::NamedNode &node = namer.nodes[visit.node];
		const auto index = static_cast<uint32_t>(flame.nodes.size());
		flame.nodes.push_back({visit.parent, node.kind, node.name, node.self, node.total});
		std::vector<uint32_t> children;
		for (const auto &[key, child] : node.children)
			children.push_back(child);
		// The last one pushed comes next: smallest first, so that siblings stand by falling total.
		std::stable_sort(children.begin(), children.end(),
				 [&](uint32_t a, uint32_t b) { return namer.nodes[a].total < namer.nodes[b].total; });
		for (const uint32_t child : children)
			pending.push_back({child, index});
	}
	return flame;
}

// Walks the tree and counts how often each function is open above a node: with a look up the whole stack per node, deep
// recursion would take quadratic time.
std::vector<FunctionCounts> functions_of(const Namer &namer)
{
	std::vector<FunctionCounts> counts;
	for (const Namer::Function &function : namer.functions)
		counts.push_back({function.symbol, function.module, function.kernel, 0, 0});
	std::vector<uint32_t> open(counts.size());
	struct Visit {
		uint32_t node;
		bool leaving;
	};
	std::vector<Visit> pending = {{0, false}};
	while (!pending.empty()) {
		const auto [index, leaving] = pending.back();
		pending.pop_back();
		const Namer::NamedNode &node = namer.nodes[index];
		const auto function = static_cast<std::size_t>(node.function);
		if (leaving) {
			open[function]--;
			continue;
		}
		if (node.function >= 0) {
			counts[function].self_samples += node.self;
			if (open[function]++ == 0) // else the same function further out has these samples already
				counts[function].total_samples += node.total;
			pending.push_back({index, true});
		}
		for (const auto &[key, child] : node.children)
			pending.push_back({child, false});
	}
	std::stable_sort(counts.begin(), counts.end(), [](const FunctionCounts &a, const FunctionCounts &b) {
		return std::pair(a.self_samples, a.total_samples) > std::pair(b.self_samples, b.total_samples);
	});
	return counts;
}

std::string layer_name(const Layers &layers, DefinitionNumber number)
{
	const auto &definitions = layers.definitions();
	if (number < definitions.size() && !definitions[number].name.empty())
		return definitions[number].name;
	return fmt::format("layer {}", number);
}

} // namespace

NamedStacks Stacks::named(Symbolizer *symbolizer, const std::string &root_name) const
{
	Namer namer;
	namer.nodes[0].name = root_name;
	std::vector<int> function_of_place(places_.size(), -1);
	for (std::size_t i = 0; i < places_.size(); i++) {
		const CodePlace &place = places_[i];
		const uint64_t offset = place.offset - (place.caller && place.offset > 0 ? 1 : 0);
		Namer::Function function{"", "[unknown]", place.kernel, false};
		Symbolizer::Name name;
		if (place.kernel) {
			function.module = "[kernel]";
			name = symbolizer->resolve_kernel(offset);
		} else if (place.known) {
			function.module = threads_.module(place.module);
			name = symbolizer->resolve_user(function.module, offset);
		}
		function.named = !name.text.empty();
		function.symbol = function.named ? std::string(name.text) : "[unknown]";
		function_of_place[i] = namer.function(function);
	}
	NamedStacks result;
	std::vector<uint32_t> named_node(nodes_.size(), 0);
	for (std::size_t i = 0; i < nodes_.size(); i++) {
		const Node &node = nodes_[i];
		const uint32_t parent = named_node[node.key.parent];
		if (node.key.kind == FrameKind::process) {
			const Process &process = threads_.process(static_cast<ProcessId>(node.key.value));
			named_node[i] = namer.child(parent, node.key.kind,
						    process.name.empty() ? "[unnamed]" : process.name, -1);
		} else if (node.key.kind == FrameKind::layer) {
			named_node[i] = namer.child(parent, node.key.kind, layer_name(layers_, node.key.value), -1);
		} else if (node.key.kind != FrameKind::root) {
			const int function = function_of_place[node.key.value];
			const Namer::Function &named = namer.functions[static_cast<std::size_t>(function)];
			const std::string name = named.named                     ? named.symbol
						 : named.module.starts_with('[') ? named.module
										 : fmt::format("[{}]", named.module);
			named_node[i] = namer.child(parent, node.key.kind, name, function);
			result.without_name += named.named ? 0 : node.self;
		}
		namer.nodes[named_node[i]].self += node.self;
		result.samples += node.self;
	}
	const std::vector<uint32_t> parents = namer.parents();
	namer.sum_up(parents);
	result.flame = flame_of(namer);
	result.functions = functions_of(namer);
	return result;
}

} // namespace neuroperf::analyzer
