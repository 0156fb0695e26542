// SPDX-License-Identifier: Apache-2.0
#include "analyzer/layers.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

constexpr auto kOne = static_cast<ThreadId>(0);
constexpr auto kTwo = static_cast<ThreadId>(1);

const CallStats &steady(const Layers &layers, DefinitionNumber number)
{
	return layers.definitions()[number].steady;
}

TEST(Layers, SelfTimeIsWithoutTheLayersInside)
{
	Layers layers(0);
	layers.begin(kOne, 1, 100, false);
	layers.begin(kOne, 2, 110, false);
	layers.end(kOne, 2, 130);
	layers.begin(kOne, 3, 140, false);
	layers.end(kOne, 3, 145);
	layers.end(kOne, 1, 200);
	layers.finish();
	EXPECT_EQ(steady(layers, 1).total_ns, 100u);
	EXPECT_EQ(steady(layers, 1).self_ns, 75u);
	EXPECT_EQ(steady(layers, 2).self_ns, 20u);
	EXPECT_EQ(steady(layers, 3).calls, 1u);
	EXPECT_EQ(layers.problems().begin_without_end, 0u);
}

TEST(Layers, RecursionCountsEachCallAndItsOwnTime)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 1, 10, false);
	layers.begin(kOne, 1, 20, false);
	layers.end(kOne, 1, 30);
	layers.end(kOne, 1, 50);
	layers.end(kOne, 1, 100);
	EXPECT_EQ(steady(layers, 1).calls, 3u);
	EXPECT_EQ(steady(layers, 1).total_ns, 10u + 40 + 100);
	EXPECT_EQ(steady(layers, 1).self_ns, 100u) << "self times of nested calls add up to the outermost";
	EXPECT_EQ(steady(layers, 1).min_ns, 10u);
	EXPECT_EQ(steady(layers, 1).max_ns, 100u);
}

TEST(Layers, AnInferenceInsideALayerHandsOnTheLayersInIt)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 9, 10, true);
	layers.begin(kOne, 2, 20, false);
	layers.end(kOne, 2, 50);
	layers.end(kOne, 9, 60);
	layers.end(kOne, 1, 100);
	EXPECT_EQ(steady(layers, 1).self_ns, 70u) << "the inference itself takes nothing away";
	EXPECT_EQ(steady(layers, 9).total_ns, 50u);
	EXPECT_EQ(steady(layers, 9).self_ns, 20u);
}

TEST(Layers, WhatProbesCostIsTakenOutOfTotalAndSelfTime)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 2, 100, false);
	layers.begin(kOne, 3, 200, false);
	layers.end(kOne, 3, 300, 10);
	layers.end(kOne, 2, 500, 60);
	layers.end(kOne, 1, 1000, 130);
	EXPECT_EQ(steady(layers, 3).total_ns, 90u);
	EXPECT_EQ(steady(layers, 3).self_ns, 90u);
	EXPECT_EQ(steady(layers, 2).total_ns, 340u);
	EXPECT_EQ(steady(layers, 2).self_ns, 300u - 50) << "10 of the 60 lay in the layer inside";
	EXPECT_EQ(steady(layers, 1).total_ns, 870u);
	EXPECT_EQ(steady(layers, 1).self_ns, 600u - 70);
	EXPECT_EQ(steady(layers, 1).probe_ns, 130u);
	EXPECT_EQ(steady(layers, 1).self_probe_ns, 70u);
	EXPECT_EQ(steady(layers, 1).max_ns, 870u) << "durations of calls are without it, too";
	const uint64_t self = steady(layers, 1).self_ns + steady(layers, 2).self_ns + steady(layers, 3).self_ns;
	EXPECT_EQ(self, steady(layers, 1).total_ns) << "self times add up still";
	EXPECT_EQ(steady(layers, 1).clamped + steady(layers, 2).clamped + steady(layers, 3).clamped, 0u);
}

TEST(Layers, ProbesOfOneThreadCostOthersNothing)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kTwo, 1, 0, false);
	layers.begin(kTwo, 2, 10, false);
	layers.end(kTwo, 2, 50, 20);
	layers.end(kOne, 1, 100, 5);
	layers.end(kTwo, 1, 100, 40);
	EXPECT_EQ(steady(layers, 1).total_ns, 95u + 60);
	EXPECT_EQ(steady(layers, 1).self_ns, 95u + 60 - 20);
}

TEST(Layers, CallsCannotTakeLessThanNothing)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 2, 10, false);
	layers.end(kOne, 2, 20, 15);
	layers.end(kOne, 1, 100, 40);
	layers.begin(kOne, 1, 200, false);
	layers.begin(kOne, 2, 205, false);
	layers.end(kOne, 2, 295, 5);
	layers.end(kOne, 1, 300, 20);
	EXPECT_EQ(steady(layers, 2).total_ns, 0u + 85);
	EXPECT_EQ(steady(layers, 2).probe_ns, 10u + 5) << "what was taken out, not more";
	EXPECT_EQ(steady(layers, 2).clamped, 1u);
	EXPECT_EQ(steady(layers, 1).self_ns, 90u - 25 + 0);
	EXPECT_EQ(steady(layers, 1).total_ns, 65u + 85) << "self times add up still";
	EXPECT_EQ(steady(layers, 1).clamped, 1u) << "of 10 self time 15 cannot be taken";
	EXPECT_EQ(steady(layers, 1).probed, 2u);
	EXPECT_EQ(steady(layers, 1).probe_ns, 10u + 25 + 5 + 10);
	EXPECT_EQ(steady(layers, 1).min_ns, 65u);
}

TEST(Layers, WhatProbesCostInAnUnseenEndOrAnInferenceStaysOutOfTheSelfTimeAround)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 2, 10, false); // whose end nobody sees
	layers.begin(kOne, 3, 20, false);
	layers.end(kOne, 3, 60, 8);
	layers.end_unseen(kOne, 2, 70);
	layers.begin(kOne, 9, 100, true);
	layers.begin(kOne, 3, 120, false);
	layers.end(kOne, 3, 150, 8);
	layers.end(kOne, 9, 200, 30);
	layers.end(kOne, 1, 300, 90);
	EXPECT_EQ(steady(layers, 9).total_ns, 70u);
	EXPECT_EQ(steady(layers, 9).self_ns, 70u - 22);
	EXPECT_EQ(steady(layers, 1).total_ns, 210u);
	EXPECT_EQ(steady(layers, 1).self_ns, 300u - 70 - (90 - 16));
	EXPECT_EQ(steady(layers, 2).probed, 0u);
}

TEST(Layers, InstrumentedLayersKeepTheirTimes)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 2, 10, false); // by the header, inside a runtime's layer
	layers.begin(kOne, 3, 20, false);
	layers.end(kOne, 3, 60, 8);
	layers.end(kOne, 2, 90);
	layers.end(kOne, 1, 100, 28);
	EXPECT_EQ(steady(layers, 2).total_ns, 80u);
	EXPECT_EQ(steady(layers, 2).self_ns, 40u);
	EXPECT_EQ(steady(layers, 2).probe_ns, 0u);
	EXPECT_EQ(steady(layers, 1).total_ns, 72u);
	EXPECT_EQ(steady(layers, 1).self_probe_ns, 20u) << "8 lay in what the instrumented one called";
}

TEST(Layers, CallsWhoseEndWasNotSeenCountAndHaveNoDuration)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 2, 10, false);
	layers.begin(kOne, 3, 20, false);
	layers.end(kOne, 3, 30);
	layers.end_unseen(kOne, 2, 90);
	layers.end(kOne, 1, 100);
	EXPECT_EQ(steady(layers, 2).calls, 1u);
	EXPECT_EQ(steady(layers, 2).timed(), 0u);
	EXPECT_EQ(steady(layers, 2).total_ns, 0u);
	EXPECT_EQ(steady(layers, 1).self_ns, 90u) << "what it called was seen";
	EXPECT_EQ(layers.problems().unseen_ends, 1u);
	EXPECT_EQ(layers.problems().begin_without_end, 0u);
}

TEST(Layers, RequestsGoOnBesideWhatThreadsDo)
{
	Layers layers(0);
	layers.begin_request({7, 1, 0x10}, 0);
	layers.begin_request({7, 1, 0x20}, 10);
	layers.begin_request({8, 1, 0x10}, 20);
	layers.end_request({7, 1, 0x20}, 40);
	layers.end_request({7, 1, 0x10}, 100);
	EXPECT_EQ(steady(layers, 1).calls, 2u);
	EXPECT_EQ(steady(layers, 1).total_ns, 130u);
	EXPECT_EQ(steady(layers, 1).max_ns, 100u);
	layers.end_request({7, 1, 0x10}, 110);
	EXPECT_EQ(layers.problems().end_without_begin, 1u);
	layers.begin_request({8, 1, 0x10}, 120);
	EXPECT_EQ(layers.problems().begin_without_end, 1u) << "submitted again: nobody saw it end";
	layers.finish();
	EXPECT_EQ(layers.problems().begin_without_end, 2u);
}

TEST(Layers, ThreadsDoNotMix)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kTwo, 2, 5, false);
	layers.end(kOne, 1, 10);
	layers.end(kTwo, 2, 30);
	layers.end(kTwo, 1, 40);
	EXPECT_EQ(steady(layers, 1).self_ns, 10u);
	EXPECT_EQ(steady(layers, 2).self_ns, 25u);
	EXPECT_EQ(layers.problems().end_without_begin, 1u) << "the layer was open, but on another thread";
}

TEST(Layers, WhatDoesNotFitIsCountedNotGuessed)
{
	Layers layers(0);
	layers.end(kOne, 1, 5);
	layers.begin(kOne, 1, 10, false);
	layers.begin(kOne, 2, 20, false); // its end is missing
	layers.end(kOne, 1, 40);
	layers.begin(kOne, 3, 50, false); // open at the end
	layers.finish();
	EXPECT_EQ(layers.problems().end_without_begin, 1u);
	EXPECT_EQ(layers.problems().begin_without_end, 2u);
	EXPECT_EQ(steady(layers, 1).self_ns, 30u);
	EXPECT_EQ(steady(layers, 2).calls, 0u);
	layers.begin(kOne, 70000, 60, false);
	layers.end(kOne, UINT32_MAX, 60);
	layers.add_spikes(kOne, UINT32_MAX, 1);
	EXPECT_EQ(layers.problems().bad_number, 3u);
}

TEST(Layers, EndlessNestingIsBounded)
{
	Layers layers(0);
	for (int i = 0; i < 100'000; i++)
		layers.begin(kOne, 1, 1, false);
	layers.finish();
	EXPECT_EQ(layers.problems().begin_without_end, 100'000u);
}

TEST(Layers, TimeThatRunsBackwardsGivesZero)
{
	Layers layers(0);
	layers.begin(kOne, 1, 100, false);
	layers.begin(kOne, 2, 200, false);
	layers.end(kOne, 2, 150);
	layers.end(kOne, 1, 90);
	EXPECT_EQ(steady(layers, 2).total_ns, 0u);
	EXPECT_EQ(steady(layers, 1).total_ns, 0u);
	EXPECT_EQ(steady(layers, 1).self_ns, 0u);
}

TEST(Layers, WarmUpIsTheFirstInferencesWithAllThatIsInThem)
{
	Layers layers(2);
	for (uint64_t i = 0; i < 5; i++) {
		layers.begin(kOne, 9, i * 100, true);
		layers.begin(kOne, 1, i * 100 + 10, false);
		layers.add_spikes(kOne, 1, 7);
		layers.add_synops(kOne, 1, 3);
		layers.end(kOne, 1, i * 100 + 20);
		layers.end(kOne, 9, i * 100 + 50);
	}
	const Definition &layer = layers.definitions()[1];
	EXPECT_EQ(layer.warm_up.calls, 2u);
	EXPECT_EQ(layer.steady.calls, 3u);
	EXPECT_EQ(layer.warm_up.spikes, 14u);
	EXPECT_EQ(layer.steady.spikes, 21u);
	EXPECT_EQ(layer.steady.synops, 9u);
	EXPECT_EQ(layers.definitions()[9].warm_up.calls, 2u);
}

TEST(Layers, WarmUpOfLayersOutsideInferencesCountsTheirOwnCalls)
{
	Layers layers(1);
	for (const DefinitionNumber number : {1u, 2u, 1u}) {
		layers.begin(kOne, number, 0, false);
		layers.end(kOne, number, 1);
	}
	EXPECT_EQ(layers.definitions()[1].warm_up.calls, 1u);
	EXPECT_EQ(layers.definitions()[1].steady.calls, 1u);
	EXPECT_EQ(layers.definitions()[2].warm_up.calls, 1u);
}

TEST(Layers, DefinitionsMayComeAfterTheEvents)
{
	Layers layers(0);
	layers.begin(kOne, 1, 0, false);
	layers.end(kOne, 1, 10);
	layers.define(1, {Definition::What::layer, "hidden", "lif", 4, 0, 0, 0, {}, {}});
	EXPECT_EQ(layers.definitions()[1].name, "hidden");
	EXPECT_EQ(steady(layers, 1).calls, 1u);
}

TEST(Layers, OpenLayersAreListedOutermostFirstWithoutInferences)
{
	Layers layers(0);
	std::vector<DefinitionNumber> open = {99};
	layers.open_layers(static_cast<ThreadId>(5), &open);
	EXPECT_TRUE(open.empty()) << "a thread without events";
	layers.begin(kOne, 9, 0, true);
	layers.begin(kOne, 1, 0, false);
	layers.begin(kOne, 2, 0, false);
	layers.open_layers(kOne, &open);
	EXPECT_EQ(open, (std::vector<DefinitionNumber>{1, 2}));
	layers.abandon(kOne);
	layers.open_layers(kOne, &open);
	EXPECT_TRUE(open.empty());
	EXPECT_EQ(layers.problems().begin_without_end, 3u);
}

} // namespace
} // namespace neuroperf::analyzer
