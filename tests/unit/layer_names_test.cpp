// SPDX-License-Identifier: Apache-2.0
// What layers are called in the events that hits become.
#include "collector/layer_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "collector/python_names.hpp"
#include "tests/support/runtime_hits.hpp"

namespace neuroperf::collector {
namespace {

using testing::ElementsAre;

class LayerNamesTest : public test::RuntimeHits {};

TEST_F(LayerNamesTest, TheSameNameOfAnotherObjectIsAnotherLayer)
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

TEST_F(LayerNamesTest, MemoryThatGetsAnotherNameIsAnotherLayer)
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

TEST_F(LayerNamesTest, WithoutANameThePlaceNamesIt)
{
	enter(0, 1000);
	enter(1, 900, 0x10);
	leave(1, 900);
	EXPECT_THAT(events(), ElementsAre("[run", "+node", "-node"));
	EXPECT_EQ(spans_.counts().unnamed, 1u);
}

TEST_F(LayerNamesTest, NumbersStandForKinds)
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

TEST_F(LayerNamesTest, KindsThatNobodyReadsAreWhatThePlaceMeans)
{
	run(0x10, [](np_runtime_names *names) { std::strcpy(names->name, "a"); });
	learn();
	EXPECT_EQ(kinds_["a"], "operator");
}

TEST_F(LayerNamesTest, TypeNamesAreDemangled)
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

TEST_F(LayerNamesTest, NamesOfOtherPlacesStayAsTheyAre)
{
	run(0x10, [](np_runtime_names *names) {
		std::strcpy(names->name, "N4ncnn11ConvolutionE");
		std::strcpy(names->kind, "4Gelu");
	});
	EXPECT_THAT(events(), ElementsAre("+N4ncnn11ConvolutionE", "-N4ncnn11ConvolutionE"));
}

TEST_F(LayerNamesTest, ShapesAreAPartOfTheName)
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

TEST_F(LayerNamesTest, AShapeWithoutANameIsBehindThatOfThePlace)
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

TEST_F(LayerNamesTest, AClassIsFoundByItsOwnName)
{
	function_ = spans_.add_function({"N3arb10cell_groupE", 0, {}, ProbeCost::emulated, true});
	enter(2, 900);
	EXPECT_THAT(events(), ElementsAre("+cell_group"));
}

// Python's name stands for the place's and the runtime's, from the moment on at which it was told.
TEST_F(LayerNamesTest, LayersAreCalledWhatPythonCallsThem)
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

TEST_F(LayerNamesTest, PythonNamesOnlyLayersOfRuntimesThatSaySo)
{
	uint64_t asked = 0;
	const ToldName name{1, 1, "conv1"};
	spans_.set_python_names([&](uint32_t, uint64_t, uint64_t) {
		asked++;
		return &name;
	});
	runtime_.names_from_python = true;
	run(0x50, [](np_runtime_names *) {}); // an operator
	runtime_.names_from_python = false;
	runtime_.places[1].means = PlaceMeans::layer;
	run(0x60, [](np_runtime_names *) {}); // a layer of a runtime that does not
	EXPECT_EQ(asked, 0u);
	runtime_.names_from_python = true;
	run(0x70, [](np_runtime_names *) {});
	EXPECT_EQ(asked, 1u);
}

TEST_F(LayerNamesTest, StarsOfThePatternStandInNames)
{
	runtime_.places[3].name = "spikes of {1}, {2} {3} {symbol}";
	function_ = spans_.add_function({"_Z19_run_spk_codeobjectv", 0, {"spk", "x{1}"}});
	spans_.take(event(NP_RUNTIME_HIT, 3, 900), emit_);
	function_ = spans_.add_function({"_Z19_run_exc_codeobjectv", 0, {"exc", ""}});
	spans_.take(event(NP_RUNTIME_HIT, 3, 900), emit_);
	EXPECT_THAT(events(), ElementsAre("*spikes of spk, x{1} {3} _run_spk_codeobject",
					  "*spikes of exc,  {3} _run_exc_codeobject"));
}

} // namespace
} // namespace neuroperf::collector
