// SPDX-License-Identifier: Apache-2.0
#include "analyzer/stacks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

using testing::ElementsAre;

class StacksTest : public testing::Test {
protected:
	StacksTest()
	{
		threads_.on_comm(1, 1, "app", true);
		threads_.on_mmap(1, 0x1000, 0x1000, 0, "/nowhere/app");
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
		stacks_.add(thread_, sample);
	}
	NamedStacks named()
	{
		Symbolizer symbolizer({"", 0, true});
		return stacks_.named(&symbolizer, "root");
	}
	// "app;conv;[app] 3": like folded stacks, of nodes with samples of their own.
	std::vector<std::string> folded()
	{
		const NamedStacks stacks = named();
		std::vector<std::string> lines;
		for (const FlameNode &node : stacks.flame.nodes) {
			if (node.self == 0)
				continue;
			std::string path = node.name;
			for (uint32_t at = node.parent; at != 0; at = stacks.flame.nodes[at].parent)
				path = stacks.flame.nodes[at].name + ";" + path;
			lines.push_back(path + " " + std::to_string(node.self));
		}
		return lines;
	}

	Threads threads_;
	Layers layers_{0};
	Stacks stacks_{threads_, layers_};
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
	ASSERT_EQ(stacks.functions.size(), 1u) << "nothing is known of the module but its name";
	EXPECT_EQ(stacks.functions[0].self_samples, 1u);
	EXPECT_EQ(stacks.functions[0].total_samples, 1u) << "three frames of one function are one sample of it";
	EXPECT_EQ(stacks.without_name, 1u);
}

TEST_F(StacksTest, MarkersTellKernelFromUser)
{
	add({PERF_CONTEXT_KERNEL, 0xffffffff81000010, PERF_CONTEXT_USER, 0x1010}, PERF_RECORD_MISC_KERNEL);
	EXPECT_THAT(folded(), ElementsAre("app;[/nowhere/app];[kernel] 1"));
	const NamedStacks stacks = named();
	EXPECT_EQ(stacks.flame.nodes.back().kind, FrameKind::kernel);
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
}

TEST_F(StacksTest, TotalsOfTheFlameAddUp)
{
	for (int i = 0; i < 10; i++)
		add({0x1010, i % 2 ? 0x5000u : 0x1020u});
	const NamedStacks stacks = named();
	EXPECT_EQ(stacks.flame.nodes[0].total, 10u);
	for (std::size_t i = 0; i < stacks.flame.nodes.size(); i++) {
		uint64_t below = stacks.flame.nodes[i].self;
		for (std::size_t child = 1; child < stacks.flame.nodes.size(); child++)
			below += stacks.flame.nodes[child].parent == i ? stacks.flame.nodes[child].total : 0;
		EXPECT_EQ(stacks.flame.nodes[i].total, below);
	}
}

} // namespace
} // namespace neuroperf::analyzer
