// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_spans.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "collector/own_event_encoder.hpp"

namespace neuroperf::collector {
namespace {

using testing::ElementsAre;

#if defined(__x86_64__)
constexpr uint64_t kReturnAddress = 8;
#else
constexpr uint64_t kReturnAddress = 0;
#endif

class Spans : public testing::Test {
protected:
	Spans()
	{
		runtime_.places.resize(6);
		runtime_.places[0] = {"run", PlaceMeans::inference, {}, {}};
		runtime_.places[1] = {"node", PlaceMeans::op, {}, {}};
		runtime_.places[1].reads.identity.from = NP_READ_ARGUMENT_1;
		runtime_.places[1].reads.name.from = NP_READ_ARGUMENT_1;
		runtime_.places[2] = {"{class}", PlaceMeans::layer, {}, {}};
		runtime_.places[3] = {"cells", PlaceMeans::spikes, {}, {}};
		runtime_.places[4] = {"request", PlaceMeans::inference, {}, {}};
		runtime_.places[4].async = RuntimePlace::Async::begin;
		runtime_.places[5] = {"request", PlaceMeans::inference, {}, {}};
		runtime_.places[5].async = RuntimePlace::Async::end;
		for (const RuntimePlace &place : runtime_.places)
			spans_.add_place({&runtime_, &place});
		spans_.add_function({"_ZN2at4_ops6conv2d4callEv", 0});
		spans_.add_function({"_ZN2at4_ops4relu4callEv", 16});
		spans_.add_return(0);
		spans_.add_return(24);
	}

	np_runtime_event event(uint16_t what, uint16_t place, uint64_t stack, uint64_t identity = 0)
	{
		np_runtime_event made{};
		made.time_ns = ++now_;
		made.what = what;
		made.place = place;
		made.stack = stack;
		made.identity = identity;
		made.pid = 7;
		made.tid = 8;
		made.function = function_;
		return made;
	}
	// The stack pointer in the caller; the probe at the entry sees it below.
	void enter(uint16_t place, uint64_t stack, uint64_t identity = 0)
	{
		const uint64_t pushed = function_ == 1 ? 16 : 0;
		np_runtime_event made = event(NP_RUNTIME_HIT, place, stack - kReturnAddress - pushed, identity);
		made.value = returns_to_;
		spans_.take(made, emit_);
	}
	void leave(uint16_t, uint64_t stack)
	{
		np_runtime_event made = event(NP_RUNTIME_RETURN, 0, stack);
		made.function = 0;
		spans_.take(made, emit_);
	}
	void name(uint64_t identity, const char *text, const char *kind = "Conv", uint32_t pid = 7)
	{
		np_runtime_names names{};
		names.event = event(NP_RUNTIME_NAMES, 1, 0, identity);
		names.event.pid = pid;
		std::strncpy(names.name, text, sizeof names.name - 1);
		std::strncpy(names.kind, kind, sizeof names.kind - 1);
		spans_.take_names(names);
	}
	void learn()
	{
		for (Definition &definition : spans_.take_definitions()) {
			names_[definition.id] = definition.name;
			kinds_[definition.name] = definition.kind;
		}
	}
	// A layer of place 1 that is entered and left under the names that the runtime's memory has.
	void run(uint64_t identity, const std::function<void(np_runtime_names *)> &tell)
	{
		np_runtime_names names{};
		names.event = event(NP_RUNTIME_NAMES, 1, 0, identity);
		tell(&names);
		spans_.take_names(names);
		enter(1, 900, identity);
		leave(1, 900);
	}
	std::vector<std::string> events()
	{
		learn();
		std::vector<std::string> texts;
		for (const np_slot &slot : emitted_) {
			const char *what = slot.type == NP_EVENT_LAYER_BEGIN       ? "+"
					   : slot.type == NP_EVENT_LAYER_END       ? "-"
					   : slot.type == NP_EVENT_INFERENCE_BEGIN ? "["
					   : slot.type == NP_EVENT_INFERENCE_END   ? "]"
					   : slot.type == kUnseenEnd               ? "?"
					   : slot.type == kRequestBegin            ? "<"
					   : slot.type == kRequestEnd              ? ">"
					   : slot.type == kProbedEnd               ? "-"
					   : slot.type == kProbedInferenceEnd      ? "]"
										   : "*";
			texts.push_back(what + names_[slot.id]);
		}
		return texts;
	}

	RuntimeDescription runtime_;
	RuntimeSpans spans_{100};
	std::vector<np_slot> emitted_;
	RuntimeSpans::Emit emit_ = [this](const np_slot &slot, uint32_t, uint32_t) { emitted_.push_back(slot); };
	std::map<uint32_t, std::string> names_;
	std::map<std::string, std::string> kinds_; // by name
	uint64_t now_ = 0;
	uint32_t function_ = 0;
	uint64_t returns_to_ = 0;
};

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

TEST_F(Spans, TheSameNameOfAnotherObjectIsAnotherLayer)
{
	name(0x10, "conv");
	name(0x20, "conv");
	name(0x30, "conv", "Relu");
	enter(0, 1000);
	for (const uint64_t identity : {0x10, 0x20, 0x30, 0x10}) {
		enter(1, 900, identity);
		leave(1, 900);
	}
	EXPECT_THAT(events(),
		    ElementsAre("[run", "+conv", "-conv", "+conv #2", "-conv #2", "+conv", "-conv", "+conv", "-conv"));
}

TEST_F(Spans, MemoryThatGetsAnotherNameIsAnotherLayer)
{
	enter(0, 1000);
	name(0x10, "old");
	enter(1, 900, 0x10);
	leave(1, 900);
	name(0x10, "new");
	enter(1, 900, 0x10);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("[run", "+old", "-old", "+new", "-new"));
}

TEST_F(Spans, WithoutANameThePlaceNamesIt)
{
	enter(0, 1000);
	enter(1, 900, 0x10);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("[run", "+node", "-node"));
	EXPECT_EQ(spans_.counts().unnamed, 1u);
}

TEST_F(Spans, NumbersStandForKinds)
{
	runtime_.places[1].reads.kind.from = NP_READ_ARGUMENT_2;
	runtime_.places[1].kinds = {"undef", "reorder"};
	const std::pair<const char *, uint64_t> cases[] = {
		{"a", 0}, {"b", 1}, {"c", 2}, {"d", uint64_t{1} << 32}, {"e", UINT64_MAX}};
	for (const auto &one : cases)
		run(one.second + 0x10, [&](np_runtime_names *names) {
			std::strcpy(names->name, one.first);
			std::strcpy(names->kind, "not this");
			names->kind_number = one.second;
		});
	learn();
	EXPECT_EQ(kinds_, (std::map<std::string, std::string>{{"a", "undef"},
							      {"b", "reorder"},
							      {"c", "2"},
							      {"d", "4294967296"},
							      {"e", "18446744073709551615"}}));
}

TEST_F(Spans, KindsThatNobodyReadsAreWhatThePlaceMeans)
{
	run(0x10, [](np_runtime_names *names) { std::strcpy(names->name, "a"); });
	learn();
	EXPECT_EQ(kinds_["a"], "operator");
}

TEST_F(Spans, TypeNamesAreDemangled)
{
	runtime_.places[1].reads.name.as = NP_AS_TYPE_NAME;
	runtime_.places[1].reads.kind.from = NP_READ_ARGUMENT_2;
	runtime_.places[1].reads.kind.as = NP_AS_TYPE_NAME;
	run(0x10, [](np_runtime_names *names) {
		std::strcpy(names->name, "N4ncnn11ConvolutionE");
		std::strcpy(names->kind, "*N4ncnn5LayerE");
	});
	run(0x20, [](np_runtime_names *names) {
		std::strcpy(names->name, "no type");
		std::strcpy(names->kind, "4Gelu");
	});
	EXPECT_THAT(events(), ElementsAre("+ncnn::Convolution", "-ncnn::Convolution", "+no type", "-no type"));
	EXPECT_EQ(kinds_["ncnn::Convolution"], "ncnn::Layer");
	EXPECT_EQ(kinds_["no type"], "Gelu");
}

TEST_F(Spans, NamesOfOtherPlacesStayAsTheyAre)
{
	run(0x10, [](np_runtime_names *names) {
		std::strcpy(names->name, "N4ncnn11ConvolutionE");
		std::strcpy(names->kind, "4Gelu");
	});
	EXPECT_THAT(events(), ElementsAre("+N4ncnn11ConvolutionE", "-N4ncnn11ConvolutionE"));
}

TEST_F(Spans, ShapesAreAPartOfTheName)
{
	runtime_.places[1].reads.shape.from = NP_READ_ARGUMENT_2;
	const auto shaped = [](std::vector<uint64_t> sizes, uint32_t count) {
		return [=](np_runtime_names *names) {
			std::strcpy(names->name, "conv");
			std::copy(sizes.begin(), sizes.end(), names->shape);
			names->shape_count = count;
		};
	};
	run(0x10, shaped({1, 3, 224, 224}, 4));
	run(0x11, shaped({8, 3, 224, 224}, 4));
	run(0x12, shaped({5}, 1));
	run(0x13, shaped({5}, 0));
	run(0x14, shaped({1, 2, 3, 4, 5, 6, 7, 8}, 99)); // damaged
	run(0x10, shaped({1, 3, 224, 224}, 4));
	learn();
	std::vector<std::string> begun;
	for (const std::string &text : events())
		if (text.front() == '+')
			begun.push_back(text.substr(1));
	EXPECT_THAT(begun, ElementsAre("conv [1x3x224x224]", "conv [8x3x224x224]", "conv [5]", "conv",
				       "conv [1x2x3x4x5x6x7x8]", "conv [1x3x224x224]"));
}

TEST_F(Spans, AShapeWithoutANameIsBehindThatOfThePlace)
{
	runtime_.places[2].reads.shape.from = NP_READ_ARGUMENT_2;
	np_runtime_names names{};
	names.event = event(NP_RUNTIME_NAMES, 2, 0, 0x10);
	names.shape[0] = 7;
	names.shape_count = 1;
	spans_.take_names(names);
	enter(2, 900, 0x10);
	EXPECT_THAT(events(), ElementsAre("+conv2d [7]"));
}

TEST_F(Spans, AClassIsFoundByItsOwnName)
{
	function_ = spans_.add_function({"N3arb10cell_groupE", 0, {}, ProbeCost::emulated, true});
	enter(2, 900);
	EXPECT_THAT(events(), ElementsAre("+cell_group"));
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

// Python's name stands for the place's and the runtime's, from the moment on at which it was told.
TEST_F(Spans, LayersAreCalledWhatPythonCallsThem)
{
	runtime_.names_from_python = true;
	runtime_.places[1].means = PlaceMeans::layer;
	std::map<uint64_t, ToldName> told;
	spans_.set_python_names([&](uint32_t pid, uint64_t address, uint64_t) -> const ToldName * {
		EXPECT_EQ(pid, 7u);
		return told.contains(address) ? &told[address] : nullptr;
	});
	const auto shape = [](np_runtime_names *names) {
		names->shape_count = 2;
		names->shape[0] = 3;
		names->shape[1] = 4;
	};
	run(0x50, shape);
	told[0x50] = {1, 1, "layer1.0.conv1"};
	run(0x50, shape);
	run(0x60, shape);
	told[0x50] = {9, 2, "layer2"}; // another object has come there
	enter(1, 900, 0x50);
	leave(1, 900);
	enter(1, 900, 0x50);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("+node [3x4]", "-node [3x4]", "+layer1.0.conv1 [3x4]",
					  "-layer1.0.conv1 [3x4]", "+node [3x4] #2", "-node [3x4] #2", "+layer2 [3x4]",
					  "-layer2 [3x4]", "+layer2 [3x4]", "-layer2 [3x4]"));
	EXPECT_EQ(spans_.counts().python_named, 2u);
}

TEST_F(Spans, PythonNamesOnlyLayersOfRuntimesThatSaySo)
{
	uint64_t asked = 0;
	const ToldName name{1, 1, "conv1"};
	spans_.set_python_names([&](uint32_t, uint64_t, uint64_t) {
		asked++;
		return &name;
	});
	run(0x50, [](np_runtime_names *) {}); // an operator of a runtime that does not
	runtime_.names_from_python = true;
	run(0x60, [](np_runtime_names *) {}); // an operator
	EXPECT_EQ(asked, 0u);
	runtime_.places[1].means = PlaceMeans::layer;
	run(0x70, [](np_runtime_names *) {});
	EXPECT_EQ(asked, 1u);
}

TEST_F(Spans, StarsOfThePatternStandInNames)
{
	runtime_.places[3].name = "spikes of {1}, {2} {3} {symbol}";
	function_ = spans_.add_function({"_Z19_run_spk_codeobjectv", 0, {"spk", "x{1}"}});
	spans_.take(event(NP_RUNTIME_HIT, 3, 900), emit_);
	function_ = spans_.add_function({"_Z19_run_exc_codeobjectv", 0, {"exc", ""}});
	spans_.take(event(NP_RUNTIME_HIT, 3, 900), emit_);
	EXPECT_THAT(events(), ElementsAre("*spikes of spk, x{1} {3} _run_spk_codeobject",
					  "*spikes of exc,  {3} _run_exc_codeobject"));
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
