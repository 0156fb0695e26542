// SPDX-License-Identifier: Apache-2.0
#include "analyzer/stacks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace neuroperf::analyzer {
namespace {

// More different stacks than this are cut short: what a made-up file can ask for must stay bounded.
constexpr std::size_t kMaxNodes = 4'000'000;

} // namespace

uint32_t Stacks::child(uint32_t parent, FrameKind kind, uint32_t value)
{
	const Key key{parent, value, kind};
	if (nodes_.size() >= kMaxNodes && !children_.contains(key))
		return parent;
	const auto [found, is_new] = children_.try_emplace(key, static_cast<uint32_t>(nodes_.size()));
	if (is_new)
		nodes_.push_back({key, 0});
	return found->second;
}

void Stacks::set_options(const Options &options)
{
	options_ = options;
	names_.set_options(options.names);
}

// The node of what stands around the functions: process, thread, open layers.
uint32_t Stacks::base_of(ThreadId thread)
{
	uint32_t node = child(0, FrameKind::process, static_cast<uint32_t>(threads_.thread(thread).process));
	if (options_.by_thread)
		node = child(node, FrameKind::thread, static_cast<uint32_t>(thread));
	layers_.open_layers(thread, &open_layers_);
	for (const DefinitionNumber number : open_layers_)
		node = child(node, FrameKind::layer, number);
	return node;
}

uint32_t Stacks::node_of(ThreadId thread, const std::vector<Frame> &frames)
{
	const ProcessId process = threads_.thread(thread).process;
	const auto index = static_cast<std::size_t>(thread);
	if (index >= paths_.size())
		paths_.resize(index + 1);
	Path &path = paths_[index];
	const uint32_t base = base_of(thread);
	const uint32_t user = threads_.generation(process, Side::user);
	const uint32_t kernel = threads_.generation(process, Side::kernel);
	std::size_t same = 0;
	if (path.base == base && path.user_generation == user && path.kernel_generation == kernel)
		while (same < path.frames.size() && same < frames.size() &&
		       path.frames[same] == frames[frames.size() - 1 - same])
			same++;
	path.base = base;
	path.user_generation = user;
	path.kernel_generation = kernel;
	path.frames.resize(same);
	path.nodes.resize(same);
	uint32_t node = same > 0 ? path.nodes.back() : base;
	for (std::size_t i = frames.size() - same; i-- > 0;) {
		const Frame &frame = frames[i];
		const FrameKind kind = frame.side == Side::user ? FrameKind::function : FrameKind::kernel;
		for (const uint32_t function : names_.functions_at(places_.number(process, frame)))
			node = child(node, kind, function);
		path.frames.push_back(frame);
		path.nodes.push_back(node);
	}
	return node;
}

void Stacks::add_wait(ThreadId thread, const std::vector<Frame> &frames, ThreadState state,
		      std::optional<ThreadId> waker, uint64_t ns)
{
	uint32_t node = child(node_of(thread, frames), FrameKind::state, static_cast<uint32_t>(state));
	if (waker)
		node = child(node, FrameKind::waker, static_cast<uint32_t>(*waker));
	nodes_[node].self += ns;
}

void Stacks::add(ThreadId thread, const std::vector<Frame> &frames)
{
	const uint32_t node = node_of(thread, frames);
	nodes_[node].self++;
	const Key &innermost = nodes_[node].key;
	if (innermost.kind == FrameKind::function || innermost.kind == FrameKind::kernel)
		without_name_ += names_.functions()[innermost.value].named ? 0 : 1;
}

NamedStacks Stacks::named(const std::string &root_name) const
{
	NamedTree tree(root_name);
	std::vector<uint32_t> named_node(nodes_.size(), 0);
	for (std::size_t i = 0; i < nodes_.size(); i++) {
		const auto &[key, self] = nodes_[i];
		uint32_t node = named_node[key.parent];
		switch (key.kind) {
		case FrameKind::root:
			break;
		case FrameKind::process:
			node = tree.child(node, key.kind,
					  process_label(threads_.process(static_cast<ProcessId>(key.value))));
			break;
		case FrameKind::thread:
			node = tree.child(node, key.kind,
					  thread_label(threads_.thread(static_cast<ThreadId>(key.value))));
			break;
		case FrameKind::layer:
			node = tree.child(node, key.kind, layer_label(layers_, key.value));
			break;
		case FrameKind::state:
			node = tree.child(node, key.kind,
					  fmt::format("[{}]", info(static_cast<ThreadState>(key.value)).name));
			break;
		case FrameKind::waker:
			node = tree.child(node, key.kind,
					  "woken by " +
						  thread_label(threads_.thread(static_cast<ThreadId>(key.value))));
			break;
		case FrameKind::function:
		case FrameKind::kernel:
			node = tree.child(node, key.kind, names_.label(key.value), key.value);
			break;
		}
		named_node[i] = node;
		tree.add(node, self);
	}
	NamedStacks result = tree.take();
	result.functions = names_.functions();
	result.without_name = without_name_;
	return result;
}

} // namespace neuroperf::analyzer
