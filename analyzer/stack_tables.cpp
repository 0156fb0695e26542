// SPDX-License-Identifier: Apache-2.0
#include "analyzer/stack_tables.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace neuroperf::analyzer {
namespace {

using Node = NamedStacks::Node;
constexpr uint32_t kNone = NamedStacks::kNoFunction;

Metric text_column(const char *key, const char *title)
{
	return {key, title, "", Better::neither, Provenance::measured, false, false};
}

Metric samples_column(const char *key, const char *title, bool additive)
{
	return {key, title, "count", Better::lower, Provenance::measured, additive, false};
}

Metric share_column(const char *key, const char *title, bool additive)
{
	return {key, title, "share", Better::lower, Provenance::derived, additive, false};
}

Cell share_of(uint64_t samples, uint64_t all)
{
	return all ? Cell(static_cast<double>(samples) / static_cast<double>(all)) : Cell();
}

// Children of each node, by falling total.
class Children {
public:
	explicit Children(const std::vector<Node> &nodes) : begin_(nodes.size() + 1)
	{
		for (std::size_t i = 1; i < nodes.size(); i++)
			begin_[nodes[i].parent + 1]++;
		for (std::size_t i = 1; i < begin_.size(); i++)
			begin_[i] += begin_[i - 1];
		children_.resize(nodes.size() - 1);
		std::vector<uint32_t> next(begin_.begin(), begin_.end() - 1);
		for (std::size_t i = 1; i < nodes.size(); i++)
			children_[next[nodes[i].parent]++] = static_cast<uint32_t>(i);
		for (std::size_t i = 0; i < nodes.size(); i++)
			std::stable_sort(begin(i), end(i),
					 [&](uint32_t a, uint32_t b) { return nodes[a].total > nodes[b].total; });
	}
	std::vector<uint32_t>::iterator begin(std::size_t node) { return children_.begin() + begin_[node]; }
	std::vector<uint32_t>::iterator end(std::size_t node) { return children_.begin() + begin_[node + 1]; }

private:
	std::vector<uint32_t> begin_, children_;
};

// Preorder without recursion; `leave` is called behind the last descendant.
template <typename Enter, typename Leave>
void walk(const std::vector<Node> &nodes, const Enter &enter, const Leave &leave)
{
	Children children(nodes);
	struct Visit {
		uint32_t node;
		bool leaving;
	};
	std::vector<Visit> pending = {{0, false}};
	while (!pending.empty()) {
		const auto [node, leaving] = pending.back();
		pending.pop_back();
		if (leaving) {
			leave(node);
			continue;
		}
		enter(node);
		pending.push_back({node, true});
		for (auto child = children.end(node); child != children.begin(node);)
			pending.push_back({*--child, false});
	}
}

// For every node the nearest one of a kind at or above it; 0: none.
std::vector<uint32_t> nearest(const std::vector<Node> &nodes, FrameKind kind)
{
	std::vector<uint32_t> result(nodes.size(), 0);
	for (uint32_t i = 1; i < nodes.size(); i++)
		result[i] = nodes[i].kind == kind ? i : result[nodes[i].parent];
	return result;
}

std::string label_or_dash(const NamedStacks &stacks, uint32_t node)
{
	return node == 0 ? "-" : stacks.labels[stacks.nodes[node].label];
}

std::string function_name(const Function &function)
{
	return function.line.empty() ? function.symbol : function.symbol + " " + function.line;
}

void sort_by_samples(Table *table, std::size_t column, std::size_t second)
{
	std::stable_sort(
		table->rows.begin(), table->rows.end(), [&](const std::vector<Cell> &a, const std::vector<Cell> &b) {
			const auto key = [&](const std::vector<Cell> &row) {
				return std::pair(std::get<uint64_t>(row[column]), std::get<uint64_t>(row[second]));
			};
			return key(a) > key(b);
		});
}

} // namespace

bool parse_group_key(std::string_view text, GroupKey *key)
{
	constexpr std::pair<std::string_view, GroupKey> kKeys[] = {
		{"comm", GroupKey::process},  {"process", GroupKey::process}, {"tid", GroupKey::thread},
		{"thread", GroupKey::thread}, {"dso", GroupKey::module},      {"module", GroupKey::module},
		{"sym", GroupKey::symbol},    {"symbol", GroupKey::symbol},   {"function", GroupKey::symbol},
		{"layer", GroupKey::layer}};
	for (const auto &[name, value] : kKeys) {
		if (name != text)
			continue;
		*key = value;
		return true;
	}
	return false;
}

Table make_functions(const NamedStacks &stacks)
{
	Table table{"functions",
		    "Functions",
		    {text_column("symbol", "function"), text_column("module", "module"),
		     samples_column("self_samples", "self", true), share_column("self_share", "self share", true),
		     samples_column("total_samples", "total", false),
		     share_column("total_share", "total share", false)},
		    {}};
	// How often each function is open above a node: of a recursive one the samples count once.
	std::vector<uint32_t> open(stacks.functions.size());
	std::vector<uint64_t> self(stacks.functions.size()), total(stacks.functions.size());
	walk(
		stacks.nodes,
		[&](uint32_t index) {
			const Node &node = stacks.nodes[index];
			if (node.function == kNone)
				return;
			self[node.function] += node.self;
			if (open[node.function]++ == 0)
				total[node.function] += node.total;
		},
		[&](uint32_t index) {
			if (const uint32_t function = stacks.nodes[index].function; function != kNone)
				open[function]--;
		});
	for (std::size_t i = 0; i < stacks.functions.size(); i++)
		if (total[i] > 0)
			table.rows.push_back({function_name(stacks.functions[i]), stacks.functions[i].module, self[i],
					      share_of(self[i], stacks.samples), total[i],
					      share_of(total[i], stacks.samples)});
	sort_by_samples(&table, 2, 4);
	return table;
}

Table make_layer_functions(const NamedStacks &stacks)
{
	Table table{"layer_functions",
		    "Functions by layer",
		    {text_column("layer", "layer"), text_column("symbol", "function"), text_column("module", "module"),
		     samples_column("self_samples", "self", true), share_column("layer_share", "of the layer", false)},
		    {}};
	const std::vector<uint32_t> layer_of = nearest(stacks.nodes, FrameKind::layer);
	std::map<std::pair<uint32_t, uint32_t>, uint64_t> self; // by label of the layer, and function
	std::unordered_map<uint32_t, uint64_t> of_layer;
	for (uint32_t i = 0; i < stacks.nodes.size(); i++) {
		const Node &node = stacks.nodes[i];
		if (layer_of[i] == 0 || node.function == kNone || node.self == 0)
			continue;
		const uint32_t layer = stacks.nodes[layer_of[i]].label;
		self[{layer, node.function}] += node.self;
		of_layer[layer] += node.self;
	}
	for (const auto &[key, samples] : self) {
		const Function &function = stacks.functions[key.second];
		table.rows.push_back({stacks.labels[key.first], function_name(function), function.module, samples,
				      share_of(samples, of_layer[key.first])});
	}
	sort_by_samples(&table, 3, 3);
	return table;
}

Table make_callers(const NamedStacks &stacks, const std::string &callee)
{
	Table table{"callers",
		    "Callers of " + callee,
		    {text_column("symbol", "caller"), text_column("module", "module"), text_column("callee", "callee"),
		     samples_column("samples", "samples", true), share_column("share", "share", true)},
		    {}};
	const bool exact = std::any_of(stacks.functions.begin(), stacks.functions.end(),
				       [&](const Function &function) { return function.symbol == callee; });
	const auto is_meant = [&](uint32_t function) {
		if (function == kNone)
			return false;
		const std::string &symbol = stacks.functions[function].symbol;
		return exact ? symbol == callee : symbol.find(callee) != symbol.npos;
	};
	std::map<std::tuple<std::string, std::string, std::string>, uint64_t> samples;
	for (uint32_t i = 1; i < stacks.nodes.size(); i++) {
		const Node &node = stacks.nodes[i];
		if (!is_meant(node.function))
			continue;
		const Node &parent = stacks.nodes[node.parent];
		const std::string name = parent.function != kNone ? stacks.functions[parent.function].symbol
								  : stacks.labels[parent.label];
		const std::string module = parent.function != kNone ? stacks.functions[parent.function].module
								    : std::string(to_string(parent.kind));
		samples[{name, module, stacks.functions[node.function].symbol}] += node.total;
	}
	for (const auto &[key, count] : samples)
		table.rows.push_back(
			{std::get<0>(key), std::get<1>(key), std::get<2>(key), count, share_of(count, stacks.samples)});
	sort_by_samples(&table, 3, 3);
	return table;
}

Table make_groups(const NamedStacks &stacks, const std::vector<GroupKey> &keys)
{
	Table table{"groups", "Samples", {}, {}};
	std::vector<std::vector<uint32_t>> owners; // by key and node: the node above it that names the key
	for (const GroupKey key : keys) {
		const auto column = [&](const char *id, FrameKind kind) {
			table.columns.push_back(text_column(id, id));
			owners.push_back(nearest(stacks.nodes, kind));
		};
		switch (key) {
		case GroupKey::process:
			column("process", FrameKind::process);
			break;
		case GroupKey::thread:
			column("thread", FrameKind::thread);
			break;
		case GroupKey::layer:
			column("layer", FrameKind::layer);
			break;
		case GroupKey::module:
			column("module", FrameKind::root);
			break;
		case GroupKey::symbol:
			column("function", FrameKind::root);
			break;
		}
	}
	std::map<std::vector<std::string>, uint64_t> samples;
	std::vector<std::string> group(keys.size());
	for (uint32_t i = 0; i < stacks.nodes.size(); i++) {
		const Node &node = stacks.nodes[i];
		if (node.self == 0 || node.function == kNone)
			continue;
		for (std::size_t k = 0; k < keys.size(); k++)
			group[k] = keys[k] == GroupKey::module   ? stacks.functions[node.function].module
				   : keys[k] == GroupKey::symbol ? function_name(stacks.functions[node.function])
								 : label_or_dash(stacks, owners[k][i]);
		samples[group] += node.self;
	}
	table.columns.push_back(samples_column("self_samples", "samples", true));
	table.columns.push_back(share_column("self_share", "share", true));
	for (const auto &[names, count] : samples) {
		std::vector<Cell> row(names.begin(), names.end());
		row.push_back(count);
		row.push_back(share_of(count, stacks.samples));
		table.rows.push_back(std::move(row));
	}
	sort_by_samples(&table, keys.size(), keys.size());
	return table;
}

Flame make_flame(const NamedStacks &stacks)
{
	Flame flame;
	flame.names = stacks.labels;
	flame.nodes.reserve(stacks.nodes.size());
	std::vector<uint32_t> place(stacks.nodes.size());
	walk(
		stacks.nodes,
		[&](uint32_t index) {
			const Node &node = stacks.nodes[index];
			place[index] = static_cast<uint32_t>(flame.nodes.size());
			flame.nodes.push_back({place[node.parent], node.kind, node.label, node.self, node.total});
		},
		[](uint32_t) {});
	return flame;
}

} // namespace neuroperf::analyzer
