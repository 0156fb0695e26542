// SPDX-License-Identifier: Apache-2.0
#include "analyzer/stack_names.hpp"

#include <fmt/format.h>

#include "analyzer/jitdump.hpp"

namespace neuroperf::analyzer {
namespace {

constexpr std::string_view kUnknown = "[unknown]";

} // namespace

std::string process_label(const Process &process)
{
	return process.name.empty() ? "[unnamed]" : process.name;
}

std::string thread_label(const Thread &thread)
{
	return fmt::format("{} {}", thread.name.empty() ? "[unnamed]" : thread.name, static_cast<int32_t>(thread.tid));
}

std::string layer_label(const Layers &layers, DefinitionNumber number)
{
	const auto &definitions = layers.definitions();
	if (number < definitions.size() && !definitions[number].name.empty())
		return definitions[number].name;
	return fmt::format("layer {}", number);
}

Symbolizer::FileId PlaceNames::file_of(ModuleId module)
{
	while (file_of_module_.size() < threads_.module_count()) {
		const CodeFile &file = threads_.module(static_cast<ModuleId>(file_of_module_.size())).file;
		if (is_jitdump(file.path)) // mapped only so that recorders learn of it
			symbolizer_.add_jitdump(file.pid, file.path);
		file_of_module_.push_back(symbolizer_.add(file));
	}
	return file_of_module_[static_cast<std::size_t>(module)];
}

void PlaceNames::add_place(const CodePlace &place)
{
	if (!place.known) {
		const bool kernel = place.side == Side::kernel;
		flat_.push_back(function({std::string(kUnknown), kernel ? "[kernel]" : std::string(kUnknown), "",
					  place.side != Side::user, false}));
		return;
	}
	const Module &module = threads_.module(place.module);
	const Symbolizer::FileId file = file_of(place.module);
	const std::string_view symbol =
		module.only_symbol.empty() ? symbolizer_.name(file, place.offset).text : module.only_symbol;
	if (!options_.lines) {
		flat_.push_back(function_of_symbol(symbol, place));
	} else {
		const Symbolizer::Line line = options_.inline_frames ? symbolizer_.line_in_function(file, place.offset)
								     : symbolizer_.line(file, place.offset);
		flat_.push_back(function({std::string(symbol.empty() ? kUnknown : symbol), module.file.path,
					  line.file.empty() ? "" : fmt::format("{}:{}", line.file, line.number),
					  place.side != Side::user, !symbol.empty()}));
	}
	if (!options_.inline_frames || symbol.empty())
		return;
	symbolizer_.inlined(file, place.offset, &inlined_);
	for (const Symbolizer::InlineFrame &frame : inlined_)
		flat_.push_back(function(
			{fmt::format("{} (inlined)", frame.name), module.file.path,
			 options_.lines && !frame.file.empty() ? fmt::format("{}:{}", frame.file, frame.line) : "",
			 place.side != Side::user, true}));
}

uint32_t PlaceNames::function_of_symbol(std::string_view symbol, const CodePlace &place)
{
	const SymbolKey key{symbol.empty() ? nullptr : symbol.data(), static_cast<uint32_t>(place.module)};
	if (const auto found = index_of_symbol_.find(key); found != index_of_symbol_.end())
		return found->second;
	const uint32_t index =
		function({std::string(symbol.empty() ? kUnknown : symbol), threads_.module(place.module).file.path, "",
			  place.side != Side::user, !symbol.empty()});
	index_of_symbol_.emplace(key, index);
	return index;
}

uint32_t PlaceNames::function(Function wanted)
{
	std::string key = fmt::format("{}\n{}\n{}\n{}", wanted.symbol, wanted.module, wanted.line, wanted.kernel);
	const auto [found, is_new] =
		index_of_function_.try_emplace(std::move(key), static_cast<uint32_t>(functions_.size()));
	if (is_new)
		functions_.push_back(std::move(wanted));
	return found->second;
}

std::string PlaceNames::label(uint32_t index) const
{
	const Function &function = functions_[index];
	if (!function.named)
		return function.module.starts_with('[') ? function.module : fmt::format("[{}]", function.module);
	return function.line.empty() ? function.symbol : fmt::format("{} {}", function.symbol, function.line);
}

NamedTree::NamedTree(const std::string &root_name)
{
	stacks_.nodes.push_back({0, label_index(root_name), NamedStacks::kNoFunction, FrameKind::root, 0, 0});
}

uint32_t NamedTree::label_index(const std::string &label)
{
	const auto [found, is_new] = index_of_label_.try_emplace(label, static_cast<uint32_t>(stacks_.labels.size()));
	if (is_new)
		stacks_.labels.push_back(label);
	return found->second;
}

uint32_t NamedTree::child_of_label(uint32_t parent, FrameKind kind, uint32_t label, uint32_t function)
{
	const auto [found, is_new] =
		children_.try_emplace(Key{parent, label, kind}, static_cast<uint32_t>(stacks_.nodes.size()));
	if (is_new)
		stacks_.nodes.push_back({parent, label, function, kind, 0, 0});
	return found->second;
}

uint32_t NamedTree::child(uint32_t parent, FrameKind kind, const std::string &label)
{
	return child_of_label(parent, kind, label_index(label), NamedStacks::kNoFunction);
}

uint32_t NamedTree::child(uint32_t parent, FrameKind kind, const std::string &label, uint32_t function)
{
	while (label_of_function_.size() <= function)
		label_of_function_.push_back(UINT32_MAX);
	if (label_of_function_[function] == UINT32_MAX)
		label_of_function_[function] = label_index(label);
	return child_of_label(parent, kind, label_of_function_[function], function);
}

void NamedTree::add(uint32_t node, uint64_t samples)
{
	stacks_.nodes[node].self += samples;
	stacks_.samples += samples;
}

NamedStacks NamedTree::take()
{
	std::vector<NamedStacks::Node> &nodes = stacks_.nodes;
	for (std::size_t i = nodes.size(); i-- > 0;) {
		nodes[i].total += nodes[i].self;
		if (i > 0)
			nodes[nodes[i].parent].total += nodes[i].total;
	}
	return std::move(stacks_);
}

} // namespace neuroperf::analyzer
