// SPDX-License-Identifier: Apache-2.0
#include "analyzer/stacks.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/call_chain.hpp"
#include "analyzer/stack_tables.hpp"

namespace neuroperf::analyzer {
namespace {

using testing::ElementsAre;

Symbolizer::Options no_kernel_symbols()
{
	Symbolizer::Options options;
	options.kallsyms = "";
	return options;
}

// "conv do_work 2 0.667"
std::string shown(const std::vector<Cell> &row)
{
	std::string text;
	for (const Cell &cell : row) {
		text += text.empty() ? "" : " ";
		if (const auto *words = std::get_if<std::string>(&cell))
			text += *words;
		else if (const auto *count = std::get_if<uint64_t>(&cell))
			text += std::to_string(*count);
		else
			text += fmt::format("{:.3f}", std::get<double>(cell));
	}
	return text;
}

class StacksTest : public testing::Test {
protected:
	StacksTest()
	{
		threads_.on_comm(1, 1, "app", true);
		NewMapping mapping;
		mapping.pid = 1;
		mapping.start = mapping.length = 0x1000;
		mapping.path = "/nowhere/app";
		threads_.on_mmap(mapping);
		layers_.define(1, {Definition::What::layer, "conv", "", 0, 0, 0, 0, {}, {}});
		thread_ = threads_.thread(1, 1);
	}
	// One sample; addresses innermost first.
	void add(std::vector<uint64_t> chain, uint16_t misc = PERF_RECORD_MISC_USER)
	{
		recording::Sample sample;
		sample.misc = misc;
		sample.ip = chain.empty() ? 0x1010 : chain.front();
		sample.callchain = reinterpret_cast<const char *>(chain.data());
		sample.callchain_length = chain.size();
		std::vector<Frame> frames;
		append_call_chain(sample, &frames);
		if (frames.empty())
			frames.push_back({sample.ip, side_of(sample), false});
		stacks_.add(thread_, frames);
	}
	NamedStacks named() { return stacks_.named("root"); }
	// "app;conv;[app] 3": like folded stacks, of nodes with samples of their own.
	std::vector<std::string> folded()
	{
		const Flame flame = make_flame(named());
		std::vector<std::string> lines;
		for (const FlameNode &node : flame.nodes) {
			if (node.self == 0)
				continue;
			std::string path = flame.name(node);
			for (uint32_t at = node.parent; at != 0; at = flame.nodes[at].parent)
				path = flame.name(flame.nodes[at]) + ";" + path;
			lines.push_back(path + " " + std::to_string(node.self));
		}
		return lines;
	}

	Threads threads_;
	Layers layers_{0};
	Symbolizer symbolizer_{no_kernel_symbols()};
	Stacks stacks_{threads_, layers_, &symbolizer_};
	ThreadId thread_{};
};

TEST_F(StacksTest, LayersStandAboveFunctions)
{
	add({0x1010});
	layers_.begin(thread_, 1, 0, false);
	layers_.begin(thread_, 2, 0, false);
	add({0x1010});
	add({0x1020});
	EXPECT_THAT(folded(), ElementsAre("app;conv;layer 2;[/nowhere/app] 2", "app;[/nowhere/app] 1"));
}

TEST_F(StacksTest, PlacesOfOneFunctionBecomeOneAndRecursionCountsOnce)
{
	add({PERF_CONTEXT_USER, 0x1010, 0x1020, 0x1030});
	const NamedStacks stacks = named();
	const Table functions = make_functions(stacks);
	ASSERT_EQ(functions.rows.size(), 1u) << "nothing is known of the module but its name";
	EXPECT_EQ(std::get<uint64_t>(functions.rows[0][2]), 1u);
	EXPECT_EQ(std::get<uint64_t>(functions.rows[0][4]), 1u) << "three frames of one function are one sample of it";
	EXPECT_EQ(stacks.without_name, 1u);
}

TEST_F(StacksTest, MarkersTellKernelFromUser)
{
	add({PERF_CONTEXT_KERNEL, 0xffffffff81000010, PERF_CONTEXT_USER, 0x1010}, PERF_RECORD_MISC_KERNEL);
	EXPECT_THAT(folded(), ElementsAre("app;[/nowhere/app];[kernel] 1"));
	EXPECT_EQ(make_flame(named()).nodes.back().kind, FrameKind::kernel);
}

TEST_F(StacksTest, WithoutACallChainTheAddressAloneCounts)
{
	add({});
	EXPECT_THAT(folded(), ElementsAre("app;[/nowhere/app] 1"));
}

TEST_F(StacksTest, DeepRecursionIsQuick)
{
	std::vector<uint64_t> chain(1000);
	for (uint64_t first = 0; first < 2000; first++) { // stacks that share nothing: two million nodes
		for (std::size_t i = 0; i < chain.size(); i++)
			chain[i] = 0x10000000 + first * 0x10000 + i;
		add(chain);
	}
	EXPECT_EQ(named().samples, 2000u);
	EXPECT_EQ(make_functions(named()).rows.size(), 1u);
}

TEST_F(StacksTest, TotalsOfTheFlameAddUp)
{
	for (int i = 0; i < 10; i++)
		add({0x1010, i % 2 ? 0x5000u : 0x1020u});
	const Flame flame = make_flame(named());
	EXPECT_EQ(flame.nodes[0].total, 10u);
	for (std::size_t i = 0; i < flame.nodes.size(); i++) {
		uint64_t below = flame.nodes[i].self;
		for (std::size_t child = 1; child < flame.nodes.size(); child++)
			below += flame.nodes[child].parent == i ? flame.nodes[child].total : 0;
		EXPECT_EQ(flame.nodes[i].total, below);
	}
}

// What is the same as in the stack before is not looked up again; that must not show.
TEST_F(StacksTest, AStackThatSharesItsOuterFramesWithTheOneBefore)
{
	add({0x1010, 0x5000, 0x6000});
	add({0x1010, 0x5000, 0x6000});
	add({0x1010, 0x7000, 0x6000});
	add({0x6000});
	layers_.begin(thread_, 1, 0, false);
	add({0x1010, 0x7000, 0x6000});
	EXPECT_EQ(make_functions(named()).rows.size(), 2u);
	const Flame flame = make_flame(named());
	std::vector<uint64_t> totals;
	for (const FlameNode &node : flame.nodes)
		totals.push_back(node.total);
	// program, process; [unknown] (outermost 0x6000) 4 with its callees; conv 1
	EXPECT_EQ(totals[0], 5u);
	EXPECT_EQ(totals[1], 5u);
	EXPECT_EQ(totals[2], 4u);
}

TEST_F(StacksTest, AMappingThatChangesBetweenSamplesIsSeen)
{
	add({0x1010, 0x1020});
	NewMapping mapping;
	mapping.pid = 1;
	mapping.start = mapping.length = 0x1000;
	mapping.path = "/nowhere/other";
	threads_.on_mmap(mapping);
	add({0x1010, 0x1020});
	EXPECT_THAT(folded(), testing::UnorderedElementsAre("app;[/nowhere/app];[/nowhere/app] 1",
							    "app;[/nowhere/other];[/nowhere/other] 1"));
}

TEST_F(StacksTest, FunctionsByLayerCallersAndGroups)
{
	threads_.on_kernel_symbol(0xffffffff81000000, 0x100, "do_work");
	threads_.on_kernel_symbol(0xffffffff81000100, 0x100, "do_more");
	layers_.begin(thread_, 1, 0, false);
	add({PERF_CONTEXT_KERNEL, 0xffffffff81000010, 0xffffffff81000110}, PERF_RECORD_MISC_KERNEL);
	add({PERF_CONTEXT_KERNEL, 0xffffffff81000010, 0xffffffff81000110}, PERF_RECORD_MISC_KERNEL);
	add({PERF_CONTEXT_KERNEL, 0xffffffff81000110}, PERF_RECORD_MISC_KERNEL);
	layers_.end(thread_, 1, 1);
	add({PERF_CONTEXT_KERNEL, 0xffffffff81000110}, PERF_RECORD_MISC_KERNEL);
	const NamedStacks stacks = named();
	const Table by_layer = make_layer_functions(stacks);
	ASSERT_EQ(by_layer.rows.size(), 2u);
	EXPECT_EQ(shown(by_layer.rows[0]), "conv do_work do_work 2 0.667");
	EXPECT_EQ(shown(by_layer.rows[1]), "conv do_more do_more 1 0.333");
	const Table callers = make_callers(stacks, "do_work");
	ASSERT_EQ(callers.rows.size(), 1u);
	EXPECT_EQ(shown(callers.rows[0]), "do_more do_more do_work 2 0.500");
	const Table groups = make_groups(stacks, {GroupKey::layer, GroupKey::symbol});
	ASSERT_EQ(groups.rows.size(), 3u);
	EXPECT_EQ(shown(groups.rows[0]), "conv do_work 2 0.500");
	EXPECT_EQ(shown(groups.rows[1]), "- do_more 1 0.250");
}

} // namespace
} // namespace neuroperf::analyzer
