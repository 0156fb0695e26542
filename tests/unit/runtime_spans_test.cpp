// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_spans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/runtime_hits.hpp"

namespace neuroperf::collector {
namespace {

using test::kReturnAddress;
using testing::ElementsAre;

class Spans : public test::RuntimeHits {};

TEST_F(Spans, NodesNestInInferences)
{
	name(0x10, "conv1");
	name(0x20, "if");
	enter(0, 1000);
	enter(1, 900, 0x20);
	enter(1, 800, 0x10);
	leave(1, 800);
	leave(1, 900);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+if", "+conv1", "-conv1", "-if", "]run"));
	EXPECT_EQ(spans_.counts().returns_without_entry + spans_.counts().entries_without_return, 0u);
}

// Costs of 1000 + 200 an entry, 300 + 40 a return.
ProbeCosts some_costs()
{
	ProbeCosts costs;
	costs.hits[index_of({HitClass::At::entry, ProbeCost::emulated})] = HitCost{1000, 200};
	costs.hits[index_of({HitClass::At::named_entry, ProbeCost::emulated})] = HitCost{1500, 200};
	costs.hits[index_of({HitClass::At::behind_call, ProbeCost::emulated})] = HitCost{300, 40};
	return costs;
}

TEST_F(Spans, EndsTellWhatProbesCostInside)
{
	spans_.set_costs(some_costs());
	enter(0, 1000);
	enter(2, 900);
	leave(2, 900);
	enter(2, 900);
	leave(2, 900);
	leave(0, 1000);
	ASSERT_THAT(events(), ElementsAre("[run", "+conv2d", "-conv2d", "+conv2d", "-conv2d", "]run"));
	EXPECT_EQ(emitted_[2].type, kProbedEnd);
	EXPECT_EQ(emitted_[2].value, 500u) << "behind the time of the entry, and in front of that of the return";
	EXPECT_EQ(emitted_[4].value, 500u);
	EXPECT_EQ(emitted_[5].type, kProbedInferenceEnd);
	EXPECT_EQ(emitted_[5].value, 500u + 2 * (1200 + 340));
	const auto hits = spans_.hits_by_class(0, 3);
	EXPECT_EQ(hits[index_of({HitClass::At::entry, ProbeCost::emulated})], 3u);
	EXPECT_EQ(hits[index_of({HitClass::At::behind_call, ProbeCost::emulated})], 3u);
}

TEST_F(Spans, WhatHitsCostMayChange)
{
	const HitClass entry{HitClass::At::entry, ProbeCost::emulated};
	spans_.set_costs(some_costs());
	EXPECT_FALSE(spans_.mean_cost(entry)) << "none was met";
	enter(2, 900);
	leave(2, 900);
	ProbeCosts dearer = some_costs();
	dearer.hits[index_of(entry)] = HitCost{2000, 500};
	spans_.set_costs(dearer);
	enter(2, 900);
	leave(2, 900);
	EXPECT_EQ(emitted_.back().value, 800u);
	ASSERT_TRUE(spans_.mean_cost(entry));
	EXPECT_EQ(spans_.mean_cost(entry)->before_ns, 1500u);
	EXPECT_EQ(spans_.mean_cost(entry)->after_ns, 350u);
}

TEST_F(Spans, HitsThatMakeNoCallsCostTheCallsAroundThem)
{
	spans_.set_costs(some_costs());
	enter(2, 900);
	enter(3, 800);    // spikes
	leave(2, 700);    // of a call that is not probed
	enter(1, 800, 1); // its end is not seen
	leave(2, 900);
	ASSERT_EQ(emitted_.back().type, kProbedEnd);
	EXPECT_EQ(emitted_.back().value, 200u + 1200 + 340 + 1700 + 300);
}

TEST_F(Spans, CostsBelongToTheirThread)
{
	spans_.set_costs(some_costs());
	enter(2, 900);
	np_runtime_event other = event(NP_RUNTIME_HIT, 2, 900 - kReturnAddress);
	other.tid = 9;
	spans_.take(other, emit_);
	np_runtime_event back = event(NP_RUNTIME_RETURN, 0, 900);
	back.tid = 9;
	spans_.take(back, emit_);
	EXPECT_EQ(emitted_.back().value, 500u);
	leave(2, 900);
	EXPECT_EQ(emitted_.back().value, 500u);
}

TEST_F(Spans, WhereCostsAreNotKnownEndsAreAsEver)
{
	enter(2, 900);
	leave(2, 900);
	EXPECT_EQ(emitted_.back().type, NP_EVENT_LAYER_END);
	ProbeCosts costs = some_costs();
	costs.hits[index_of({HitClass::At::entry, ProbeCost::emulated})].reset();
	spans_.set_costs(costs);
	enter(2, 900);
	leave(2, 900);
	EXPECT_EQ(emitted_.back().value, 300u) << "of the return, which is known";
}

TEST_F(Spans, NobodyWatchesTheCallersOfWhatAnAgentTells)
{
	const uint32_t told = spans_.add_return(32, ProbeCost::agent);
	name(0x10, "conv1");
	returns_to_ = 0x4000;
	spans_.tell_ends_of(0, true);
	enter(1, 900, 0x10);
	EXPECT_THAT(spans_.take_callers(), ElementsAre());
	np_runtime_event end = event(NP_RUNTIME_RETURN, 0, 900 - 32);
	end.function = told;
	EXPECT_EQ(spans_.take(end, emit_)->cost, ProbeCost::agent);
	EXPECT_THAT(events(), ElementsAre("+conv1", "-conv1"));
	spans_.tell_ends_of(0, false);
	enter(1, 900, 0x10);
	EXPECT_EQ(spans_.take_callers().size(), 1u);
	spans_.watch_callers(0, emit_);
	spans_.forget_callers();
	enter(1, 900, 0x10);
	EXPECT_EQ(spans_.take_callers().size(), 1u) << "its probe is gone";
}

// Whose callers are all known.
class SpansOfVirtualFunctions : public Spans {
protected:
	SpansOfVirtualFunctions()
	{
		runtime_.places[1].find.how = PlaceSearch::How::virtual_slot;
		name(0x10, "resize");
		name(0x20, "conv");
		returns_to_ = 0x4000;
		enter(1, 900, 0x20);
		spans_.take_callers();
		spans_.watch_callers(0, emit_);
		emitted_.clear();
	}
};

TEST_F(SpansOfVirtualFunctions, WhatAFunctionOverridesIsNoCallOfItsOwn)
{
	enter(1, 900, 0x10);
	returns_to_ = 0x5000; // in the function that overrides it
	enter(1, 800, 0x10);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("+resize", "-resize"));
	EXPECT_EQ(spans_.counts().of_base_classes, 1u);
	EXPECT_THAT(spans_.take_callers(), ElementsAre()) << "nobody waits for its end";
}

TEST_F(SpansOfVirtualFunctions, NorIfItIsJumpedTo)
{
	enter(1, 900, 0x10);
	enter(1, 900, 0x10);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("+resize", "-resize"));
}

TEST_F(SpansOfVirtualFunctions, OtherObjectsInsideAreLayers)
{
	enter(1, 900, 0x10);
	enter(1, 800, 0x20);
	leave(1, 800);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("+resize", "+conv", "-conv", "-resize"));
}

TEST_F(SpansOfVirtualFunctions, WhereEndsAreNotWatchedTheSameObjectIsCalledAgain)
{
	returns_to_ = 0x6000;
	enter(1, 900, 0x10);
	enter(1, 900, 0x10);
	EXPECT_THAT(events(), ElementsAre("+resize", "?resize", "+resize"));
}

TEST_F(Spans, AFunctionThatIsNotVirtualMayCallItself)
{
	name(0x10, "resize");
	enter(1, 900, 0x10);
	enter(1, 800, 0x10);
	leave(1, 800);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("+resize", "+resize", "-resize", "-resize"));
}

TEST_F(Spans, RequestsEndWhereTheyWereWaitedFor)
{
	enter(4, 1000, 0x10);
	enter(4, 1000, 0x20);
	enter(5, 1000, 0x20);
	enter(1, 900, 0x30);
	leave(1, 900);
	leave(5, 1000);
	EXPECT_THAT(events(), ElementsAre("<request", "<request", "+node", "-node", ">request"));
	EXPECT_EQ(emitted_[1].value, 0x20u);
	EXPECT_EQ(emitted_[4].value, 0x20u);
	EXPECT_EQ(emitted_[0].id, emitted_[4].id) << "all requests are one inference";
	enter(5, 1000, 0x10);
	enter(5, 1000, 0x10); // the end of the first one was not seen
	EXPECT_EQ(events().size(), 5u);
	EXPECT_EQ(spans_.counts().entries_without_return, 1u);
}

TEST_F(Spans, WhatIsOpenStaysOpenWhereACallerHasAProbeAlready)
{
	for (const bool has_probe : {false, true}) {
		returns_to_ = has_probe ? 0x6000 : 0x5000;
		enter(2, 1100);
		const std::vector<RuntimeCaller> callers = spans_.take_callers();
		ASSERT_EQ(callers.size(), 1u);
		if (has_probe)
			spans_.has_been_watched(callers.front());
		spans_.watch_callers(now_, emit_);
		EXPECT_THAT(events().back(), has_probe ? "+conv2d" : "?conv2d");
		leave(2, 1100);
		EXPECT_THAT(events().back(), has_probe ? "-conv2d" : "?conv2d");
	}
	spans_.watch_callers(now_ + 1000, emit_);
	returns_to_ = 0x6000;
	enter(2, 1100);
	spans_.watch_callers(now_, emit_);
	EXPECT_THAT(events().back(), "+conv2d") << "nor later";
}

TEST_F(Spans, WhenProbesAreTakenOffWhatIsOpenEndsAsOfTheLastEvent)
{
	returns_to_ = 0x5000;
	enter(2, 1100);
	leave(2, 1100);
	ASSERT_EQ(spans_.take_callers().size(), 1u);
	spans_.watch_callers(now_, emit_);
	name(0x10, "conv1");
	enter(2, 1100);
	enter(0, 1000);
	enter(1, 900, 0x10);
	const uint64_t last = now_;
	now_ += 1000;
	spans_.end_sampled(emit_);
	ASSERT_EQ(emitted_.size(), 6u) << "what the inference lies in goes on";
	EXPECT_EQ(emitted_.back().stamp, last);
	leave(0, 1000);
	leave(2, 1100);
	EXPECT_THAT(events(),
		    ElementsAre("+conv2d", "-conv2d", "+conv2d", "[run", "+conv1", "?conv1", "]run", "-conv2d"));
}

TEST_F(Spans, WhileProbesAreTakenOffOnlyWhatIsOpenGoesOn)
{
	name(0x10, "conv1");
	enter(0, 1000);
	enter(1, 900, 0x10);
	spans_.rest_until(UINT64_MAX);
	enter(2, 800); // in conv1
	leave(2, 800);
	leave(1, 900);
	enter(2, 900);
	leave(2, 900);
	leave(0, 1000);
	enter(0, 1000); // inferences are always recorded
	leave(0, 1000);
	enter(2, 900);
	spans_.rest_until(now_ + 1);
	enter(2, 900);
	leave(2, 900);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv1", "+conv2d", "-conv2d", "-conv1", "]run", "[run", "]run",
					  "+conv2d", "-conv2d"));
	EXPECT_EQ(spans_.counts().hits, 7u);
	EXPECT_EQ(spans_.hits_by_place()[2], 2u);
	EXPECT_EQ(spans_.counts().entries_without_return, 0u);
}

TEST_F(Spans, RenewalsCostAndAreNoEvents)
{
	runtime_.places[3].means = PlaceMeans::renewal;
	spans_.set_costs(some_costs());
	enter(0, 1000);
	const auto cost = spans_.take(event(NP_RUNTIME_HIT, 3, 900), emit_);
	ASSERT_TRUE(cost.has_value()) << "for the budget";
	EXPECT_EQ(cost->at, HitClass::At::entry);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "]run"));
	EXPECT_EQ(spans_.hits_by_place()[3], 1u);
}

TEST_F(Spans, SuccessiveLayersLastUntilTheNextOneBegins)
{
	spans_.take_begins_alone();
	runtime_.places[1].successive = true;
	runtime_.places[1].find.how = PlaceSearch::How::virtual_slot;
	spans_.set_costs(some_costs());
	name(0x10, "conv");
	name(0x20, "if");
	enter(0, 1000);
	enter(1, 900, 0x20);
	enter(1, 800, 0x10); // in a graph of "if"
	enter(1, 800, 0x10); // again: that is no call of what it overrides
	enter(1, 900, 0x10);
	leave(0, 1000);
	EXPECT_THAT(events(),
		    ElementsAre("[run", "+if", "+conv", "-conv", "+conv", "-conv", "-if", "+conv", "-conv", "]run"));
	EXPECT_EQ(spans_.counts().ended_by_next, 4u);
	EXPECT_EQ(spans_.counts().entries_without_return, 0u);
	EXPECT_TRUE(spans_.take_callers().size() <= 1) << "of the inference alone";
	EXPECT_EQ(emitted_[3].stamp, emitted_[4].stamp);
	EXPECT_EQ(emitted_[3].value, 200u + 1500) << "behind its own begin, and in front of the next one's";
}

// What is open then lasts until the next one begins too, and nobody looks for callers of such layers any more.
TEST_F(Spans, BeginsAloneFromSomeTimeOn)
{
	returns_to_ = 0x5000;
	runtime_.places[1].successive = true;
	name(0x10, "conv");
	enter(0, 1000);
	enter(1, 900, 0x10);
	enter(1, 900, 0x10);
	EXPECT_THAT(spans_.take_callers(), testing::Contains(testing::Field(&RuntimeCaller::is_successive, true)));
	spans_.watch_callers(0, emit_);
	enter(1, 900, 0x10);
	spans_.take_begins_alone();
	enter(1, 900, 0x10);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv", "?conv", "+conv", "?conv", "+conv", "-conv", "+conv",
					  "-conv", "]run"));
	EXPECT_EQ(spans_.counts().ended_by_next, 2u);
	EXPECT_THAT(spans_.take_callers(), testing::IsEmpty());
	enter(0, 1000);
	EXPECT_EQ(spans_.take_callers().size(), 1u) << "all others are met anew";
	EXPECT_EQ(spans_.counts().successive, 4u);
	EXPECT_EQ(spans_.counts().successive_alone, 0u);
	leave(0, 1000);
	enter(1, 900, 0x10);
	EXPECT_EQ(spans_.counts().successive_alone, 1u);
}

TEST_F(Spans, SuccessiveLayersOutsideOfInferencesMayHaveEndedLongBefore)
{
	spans_.take_begins_alone();
	runtime_.places[1].successive = true;
	name(0x10, "conv");
	enter(1, 900, 0x10);
	enter(1, 900, 0x10);
	enter(0, 1000);
	enter(1, 900, 0x10);
	enter(0, 1000); // its end was not seen
	leave(0, 1000);
	EXPECT_THAT(events(),
		    ElementsAre("+conv", "?conv", "+conv", "?conv", "[run", "+conv", "?conv", "?run", "[run", "]run"));
	EXPECT_EQ(spans_.counts().ended_by_next, 0u);
}

TEST_F(Spans, NoLayerThatNobodyWatchedHasAnInferenceInIt)
{
	name(0x10, "conv1");
	enter(1, 2000, 0x10);
	enter(0, 1000);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("+conv1", "?conv1", "[run", "]run"));
}

TEST_F(Spans, LayersThatNobodyWatchedStayNotOpen)
{
	returns_to_ = 0x5000;
	enter(0, 1000);
	returns_to_ = 0x6000;
	name(0x10, "conv1");
	enter(1, 900, 0x10);
	enter(1, 900, 0x10); // before its caller is watched
	ASSERT_EQ(spans_.take_callers().size(), 2u);
	spans_.watch_callers(now_ + 10, emit_);
	enter(1, 900, 0x10); // this one too, though it is drained later
	EXPECT_TRUE(spans_.take_callers().empty());
	spans_.watch_callers(now_ + 20, emit_);
	EXPECT_EQ(emitted_.size(), 7u);
	now_ += 10;
	enter(1, 900, 0x10);
	spans_.watch_callers(now_ + 20, emit_);
	leave(1, 900);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv1", "?conv1", "+conv1", "?conv1", "+conv1", "?conv1", "+conv1",
					  "-conv1", "]run"))
		<< "inferences may last";
}

TEST_F(Spans, WithoutItsBeginNobodyKnowsWhatIsStartUp)
{
	name(0x10, "conv1");
	enter(1, 900, 0x10);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("+conv1", "-conv1"));
}

TEST_F(Spans, WhatRunsOutsideOfInferencesIsStartUp)
{
	spans_.sees_start_of(7);
	name(0x10, "conv1");
	enter(1, 900, 0x10);
	leave(1, 900);
	enter(0, 1000);
	enter(1, 900, 0x10);
	leave(1, 900);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("+start-up: conv1", "-start-up: conv1", "[run", "+conv1", "-conv1", "]run"));
}

TEST_F(Spans, CallsThatEndWithoutReturnEndWithTheirCaller)
{
	enter(0, 1000);
	enter(2, 900);
	enter(2, 800); // an exception leaves it and its caller
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv2d", "+conv2d", "?conv2d", "?conv2d", "]run"));
	EXPECT_EQ(spans_.counts().entries_without_return, 2u);
}

TEST_F(Spans, ACallAtTheSameDepthEndsTheOneBefore)
{
	enter(0, 1000);
	enter(2, 900);
	enter(2, 900);
	leave(2, 900);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv2d", "?conv2d", "+conv2d", "-conv2d", "]run"));
}

TEST_F(Spans, ReturnsOfCallsFromBeforeAreCounted)
{
	leave(2, 900);
	enter(0, 1000);
	leave(2, 900);
	EXPECT_EQ(spans_.counts().returns_without_entry, 2u);
	leave(2, 1100);
	EXPECT_EQ(spans_.counts().entries_without_return, 1u);
	EXPECT_THAT(events(), ElementsAre("[run", "?run"));
}

TEST_F(Spans, CallersAreToldOnce)
{
	np_runtime_event call = event(NP_RUNTIME_HIT, 0, 1000);
	call.value = 0x4711;
	spans_.take(call, emit_);
	spans_.take(call, emit_);
	ASSERT_EQ(spans_.take_callers().size(), 1u);
	call.pid = 9;
	spans_.take(call, emit_);
	const auto callers = spans_.take_callers();
	ASSERT_EQ(callers.size(), 1u);
	EXPECT_EQ(callers[0].address, 0x4711u);
	EXPECT_TRUE(spans_.take_callers().empty());
}

TEST_F(Spans, TwoPlacesInOneFunctionEndTogether)
{
	enter(0, 1000);
	enter(2, 1000);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv2d", "-conv2d", "]run"));
	EXPECT_EQ(spans_.counts().entries_without_return, 0u);
}

TEST_F(Spans, CallsOfOneCallerFollowEachOther)
{
	enter(0, 1000);
	for (const auto &[place, returns_to] : {std::pair{1, 0x10}, {2, 0x20}, {1, 0x10}, {2, 0x20}}) {
		np_runtime_event call = event(NP_RUNTIME_HIT, static_cast<uint16_t>(place), 900 - kReturnAddress);
		call.value = static_cast<uint64_t>(returns_to);
		spans_.take(call, emit_);
	}
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+node", "?node", "+conv2d", "?conv2d", "+node", "?node", "+conv2d",
					  "?conv2d", "]run"));
}

TEST_F(Spans, ProbesBehindACallMaySeeAnotherStack)
{
	enter(0, 1000);
	np_runtime_event end = event(NP_RUNTIME_RETURN, 0, 1000 - 24);
	end.function = 1;
	spans_.take(end, emit_);
	EXPECT_THAT(events(), ElementsAre("[run", "]run"));
}

TEST_F(Spans, PushedBytesAreTakenBack)
{
	function_ = 1;
	enter(0, 1000);
	enter(2, 900);
	leave(2, 900);
	leave(0, 1000);
	EXPECT_THAT(events(), ElementsAre("[run", "+relu", "-relu", "]run"));
}

TEST_F(Spans, ProbesBehindCallsOfOthersCountForTheirDescription)
{
	const uint32_t probe = spans_.add_return(0, ProbeCost::emulated, 1);
	np_runtime_event made = event(NP_RUNTIME_RETURN, 0, 900);
	made.function = probe;
	spans_.take(made, emit_);
	const std::size_t returns = index_of({HitClass::At::behind_call, ProbeCost::emulated});
	EXPECT_EQ(spans_.hits_by_class(0, 3)[returns], 1u);
	EXPECT_EQ(spans_.hits_by_class(2, 6)[returns], 0u);
}

TEST_F(Spans, ArgumentsOnTheStackMayBeGoneWhereAnEndIsSeen)
{
	const uint32_t probe = spans_.add_return(-16);
	enter(0, 1000);
	enter(2, 900);
	np_runtime_event end = event(NP_RUNTIME_RETURN, 2, 900);
	end.function = probe;
	end.stack += 16;
	spans_.take(end, emit_);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv2d", "-conv2d"));
}

TEST_F(Spans, SpikesAreCounts)
{
	enter(0, 1000);
	np_runtime_event spikes = event(NP_RUNTIME_HIT, 3, 900);
	spikes.value = 5;
	spans_.take(spikes, emit_);
	EXPECT_THAT(events(), ElementsAre("[run", "*cells"));
	EXPECT_EQ(emitted_.back().value, 5u);
	EXPECT_EQ(emitted_.back().type, NP_EVENT_SPIKES);
}

TEST_F(Spans, OpenCallsOfProcessesThatHaveEndedWereNotSeenToEnd)
{
	enter(0, 1000);
	enter(2, 900);
	spans_.finish(
		50, [](uint32_t) { return false; }, emit_);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv2d"));
	spans_.finish(
		50, [](uint32_t pid) { return pid == 7; }, emit_);
	EXPECT_THAT(events(), ElementsAre("[run", "+conv2d", "?conv2d", "?run"));
}

TEST_F(Spans, RecordsOfNobodyAreCounted)
{
	spans_.take(event(NP_RUNTIME_HIT, 99, 0), emit_);
	function_ = 99;
	spans_.take(event(NP_RUNTIME_RETURN, 1, 0), emit_);
	EXPECT_EQ(spans_.counts().bad_records, 2u);
	EXPECT_TRUE(emitted_.empty());
}

} // namespace
} // namespace neuroperf::collector
