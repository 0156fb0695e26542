// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_description.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "collector/built_in_runtimes.hpp"
#include "tests/support/fits_schema.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

bool fits_schema(const json &document)
{
	return test::fits_schema(document, "runtime-1");
}

constexpr std::string_view kTiny = R"json({
  "schema": "neuroperf.runtime/1", "name": "tiny", "title": "Tiny", "tested": "1.0",
  "match": {"files": ["libtiny.so*"], "exports": "tiny_run"},
  "places": [
    {"name": "model", "means": "inference", "find": {"exported": "tiny_run"}},
    {"name": "layer", "means": "layer", "find": {"exported": "tiny_layer"},
     "identity": "arg1", "layer": "c_string(*(arg1+8))"}
  ]
})json";

// All that a place may have beyond that.
constexpr std::string_view kLarge = R"json({
  "schema": "neuroperf.runtime/1", "name": "large", "title": "Large", "tested": "1.0",
  "match": {"files": ["liblarge.so*"], "except": ["liblarge.so.1", "liblarge.so.2*"]}, "names": "python",
  "callers": ["large_run", "large::Executor::*"],
  "places": [
    {"name": "session", "means": "inference", "find": {"table": "LargeGetApi", "slots": [0, 9]}, "at": "entry"},
    {"name": "{1}", "means": "operator", "find": {"symbol": "large::*::forward(*"}, "successive": true, "identity": "arg1", "names_stay_us": 500,
     "layer": "type_name(*(arg1+8))", "kind": "u32(arg1+16)", "kinds": ["undef", "reorder"],
     "shape": {"index": ["u32(arg2+40)", "u32(*(arg3) + 4*index)"], "sizes": "*(arg2 - 24*index + 8)", "count": "u32(arg2+16)", "bytes": 4}},
    {"name": "fired", "means": "spikes", "find": {"exported": "large_threshold"}, "at": "exit",
     "count": "sum_u8(*(result), u64(result+8))"},
    {"name": "cells", "means": "spikes", "find": {"exported": "_run_*_thresholder"},
     "count": "u32(*(data(\"large::_array_{1}\")) + 4*file_u32(\"large::_num_{1}\") - 4)"},
    {"name": "kind {1}, population {2}", "means": "spikes", "find": {"exported": "large_step"}, "at": "exit",
     "each": {"array": "large::kind_*", "bytes": 16, "filled_by": "large_fill_{1}"}, "identity": "element",
     "count": "u32(*(element+8))"},
    {"name": "load", "means": "renewal", "find": {"exported": "large_load"}, "optional": true}
  ]
})json";

std::string replaced(std::string_view from, std::string_view to, std::string text = std::string(kTiny))
{
	const std::size_t at = text.find(from);
	EXPECT_NE(at, text.npos) << from;
	return text.replace(at, from.size(), to);
}

std::string large(std::string_view from, std::string_view to)
{
	return replaced(from, to, std::string(kLarge));
}

std::string error_of(const std::string &text)
{
	const auto parsed = parse_runtime_description(text, "tiny.json");
	return parsed.ok() ? "" : parsed.error().what;
}

TEST(RuntimeDescription, ReadsTheOneOfTheManual)
{
	const auto runtime = parse_runtime_description(kTiny, "tiny.json");
	ASSERT_TRUE(runtime.ok()) << runtime.error().what;
	EXPECT_EQ(runtime->name, "tiny");
	ASSERT_EQ(runtime->places.size(), 2u);
	EXPECT_TRUE(runtime->has_inferences());
	EXPECT_EQ(runtime->places[0].arguments(), 0);
	EXPECT_EQ(runtime->places[1].arguments(), 1);
	EXPECT_EQ(runtime->places[1].reads.name.as, NP_AS_C_STRING);
}

TEST(RuntimeDescription, ReadsAllThatAPlaceMayHave)
{
	const auto runtime = parse_runtime_description(kLarge, "large.json");
	ASSERT_TRUE(runtime.ok()) << runtime.error().what;
	EXPECT_TRUE(runtime->names_from_python);
	EXPECT_THAT(runtime->callers, ElementsAre("large_run", "large::Executor::*"));
	EXPECT_THAT(runtime->excepted_files, ElementsAre("liblarge.so.1", "liblarge.so.2*"));
	ASSERT_EQ(runtime->places.size(), 6u);
	const RuntimePlace &session = runtime->places[0], &op = runtime->places[1], &fired = runtime->places[2],
			   &cells = runtime->places[3];
	EXPECT_EQ(session.find.how, PlaceSearch::How::table);
	EXPECT_EQ(session.find.pattern, "LargeGetApi");
	EXPECT_THAT(session.find.slots, ElementsAre(0, 9));
	EXPECT_FALSE(session.at_exit);
	EXPECT_EQ(op.reads.name.as, NP_AS_TYPE_NAME);
	EXPECT_EQ(op.reads.kind.as, NP_AS_NUMBER);
	EXPECT_EQ(op.reads.kind.last_size, 4);
	EXPECT_THAT(op.kinds, ElementsAre("undef", "reorder"));
	EXPECT_EQ(op.reads.shape.from, NP_READ_ARGUMENT_2);
	EXPECT_EQ(op.reads.shape_count.offsets[0], 16);
	EXPECT_EQ(op.reads.shape_size, 4u);
	EXPECT_EQ(op.reads.index[0].offsets[0], 40);
	EXPECT_EQ(op.reads.index[0].index_scale, 0);
	EXPECT_EQ(op.reads.index[1].index_scale, 4);
	EXPECT_EQ(op.reads.index[1].index_step, 1);
	EXPECT_EQ(op.reads.shape.index_scale, -24);
	EXPECT_EQ(op.reads.shape.index_step, 0);
	EXPECT_EQ(op.reads.shape.offsets[0], 8);
	EXPECT_EQ(op.arguments(), 7) << "those of the shape too must be live";
	EXPECT_TRUE(op.successive);
	EXPECT_FALSE(session.successive);
	EXPECT_EQ(op.names_stay_us, 500u);
	EXPECT_EQ(session.names_stay_us, 0u);
	EXPECT_TRUE(fired.at_exit);
	EXPECT_EQ(fired.arguments(), 0);
	EXPECT_TRUE(fired.reads.summed.given());
	EXPECT_EQ(cells.reads.value.from, NP_READ_FILE);
	EXPECT_EQ(cells.reads.value.references.size(), 2u);
	EXPECT_FALSE(cells.reads.summed.given());
	EXPECT_FALSE(cells.each.given());
	const RuntimePlace &each = runtime->places[4];
	EXPECT_EQ(each.each.pattern, "large::kind_*");
	EXPECT_EQ(each.each.element_bytes, 16u);
	EXPECT_EQ(each.each.filled_by, "large_fill_{1}");
	EXPECT_TRUE(each.reads.value.uses_element());
	EXPECT_TRUE(each.reads.identity.uses_element());
	const RuntimePlace &load = runtime->places[5];
	EXPECT_EQ(load.means, PlaceMeans::renewal);
	EXPECT_FALSE(load.is_span() || load.is_counted() || load.may_be_sampled());
	const auto wide = parse_runtime_description(large(", \"bytes\": 4", ""), "large.json");
	ASSERT_TRUE(wide.ok());
	EXPECT_EQ(wide->places[1].reads.shape_size, 8u) << "without a word";
}

TEST(RuntimeDescription, MistakesInWhatAPlaceMayHave)
{
	// clang-format off
	const std::tuple<std::string, std::string, const char *, const char *> cases[] = {
		{"\"means\": \"inference\", ", "", "places[0]", "\"means\""},
		{"\"exit\",", "\"exits\",", "line 10: places[2]", "\"at\" is entry or exit"},
		{"\"successive\": true", "\"successive\": 1", "places[1]", "\"successive\" is true or false"},
		{"\"at\": \"entry\"", "\"successive\": true", "places[0]", "\"successive\" is of layers, operators and phases"},
		{"\"names_stay_us\": 500", "\"names_stay_us\": 0", "places[1]", "a number from 1 to 1000000"},
		{"\"identity\": \"arg1\", ", "", "places[1]", "\"names_stay_us\" is of names of an \"identity\""},
		{"\"names_stay_us\": 500", "\"names_stay_us\": 500, \"in_registers\": true", "places[1]",
		 "\"in_registers\" is of calls of virtual functions"},
		{"\"names_stay_us\": 500", "\"in_registers\": \"yes\"", "places[1]", "\"in_registers\" is true or false"},
		{"\"at\": \"entry\"", "\"names_stay_us\": 9", "places[0]", "\"names_stay_us\" is of names of an \"identity\""},
		{"\"find\": {\"exported\": \"large_load\"}, \"optional\": true", "\"find\": {\"exported\": \"large_load\"}, \"identity\": \"arg1\"", "places[5]", "a renewal has"},
		{"\"at\": \"entry\"", "\"at\": \"exit\"", "line 6: places[0]", "at the exit only spikes and synops"},
		{"*(result), u64", "*(arg1), u64", "line 10: places[2]", "at the exit the arguments are gone"},
		{"u64(result+8)", "u64(arg2+8)", "line 10: places[2]", "at the exit the arguments are gone"},
		{"\"at\": \"exit\",", "", "places[2]", "\"result\" is there at the exit only"},
		{"sum_u8(*(result), u64(result+8))", "sum_u8(*(result))", "line 11: places[2].count", ", was expected"},
		{"sum_u8(*(result), u64(result+8))", "sum_u16(result, 8)", "line 11: places[2].count", "column 1"},
		{"\"count\": \"sum_u8(*(result), u64(result+8))\"", "\"count\": 5", "places[2]", "\"count\" must be a text"},
		{"4*file_u32", "4*u32", "line 13: places[3].count", "file_u32(...) or index was expected"},
		{"[\"undef\", \"reorder\"]", "[]", "places[1]", "\"kinds\" must be a list of 1 to 1024 texts"},
		{"[\"undef\", \"reorder\"]", "[\"undef\", 1]", "places[1].kinds", "must hold texts"},
		{"\"kinds\": [\"undef\", \"reorder\"],", "", "line 8: places[1].kind", "c_string(...), std_string(...) or type_name(...)"},
		{"\"u32(arg1+16)\"", "\"c_string(arg1+16)\"", "line 8: places[1].kind", "column 1"},
		{"\"kind\": \"u32(arg1+16)\", ", "", "places[1]", "\"kinds\" are names of what a \"kind\" is read as"},
		{"type_name(*(arg1+8))", "type(arg1)", "line 8: places[1].layer", "type_name(...)"},
		{"\"bytes\": 4", "\"bytes\": 2", "places[1].shape", "\"bytes\" of one size are 4 or 8"},
		{"\"bytes\": 4", "\"bytes\": \"4\"", "places[1].shape", "\"bytes\" of one size are 4 or 8"},
		{", \"bytes\": 4", ", \"size\": 4", "line 9: places[1].shape", "\"size\" is not known here (index, sizes, count, bytes)"},
		{"\"count\": \"u32(arg2+16)\", ", "", "places[1].shape", "needs \"sizes\""},
		{"[\"u32(arg2+40)\", ", "[\"u32(arg2+40)\", \"arg1\", ", "places[1].shape", "holds 2 values at most"},
		{"\"index\": [\"u32(arg2+40)\", \"u32(*(arg3) + 4*index)\"], ", "", "places[1].shape", "what index stands for"},
		{" - 24*index", "", "places[1].shape", "what index stands for"},
		{"u32(arg2+40)", "u32(index)", "line 9: places[1].shape.index", "column 5"},
		{"u32(arg2+40)", "arg2+index", "line 9: places[1].shape.index", "cannot use itself"},
		{"4*index)", "4*index+index)", "line 9: places[1].shape.index", "added once"},
		{"24*index", "0*index", "line 9: places[1].shape.sizes", "1 to 32767"},
		{"24*index", "32769*index", "line 9: places[1].shape.sizes", "1 to 32767"},
		{"\"identity\": \"arg1\"", "\"identity\": \"arg1+index\"", "places[1]", "only the values of a \"shape\""},
		{"*(arg2 - 24*index + 8)", "*(arg2 - 24*index + 8", "line 9: places[1].shape.sizes", ") was expected"},
		{"{\"index\": [\"u32(arg2+40)\", \"u32(*(arg3) + 4*index)\"], \"sizes\": \"*(arg2 - 24*index + 8)\", \"count\": \"u32(arg2+16)\", \"bytes\": 4}", "[1, 2]", "places[1].shape", "must be an object"},
		{"\"slots\": [0, 9]", "\"slots\": []", "places[0].find.slots", "1 to 4 numbers"},
		{"\"slots\": [0, 9]", "\"slots\": [0, 1, 2, 3, 4]", "places[0].find.slots", "1 to 4 numbers"},
		{"\"slots\": [0, 9]", "\"slots\": [0, -9]", "places[0].find.slots", "from 0 to 1000"},
		{"\"slots\": [0, 9]", "\"slots\": [0, 1001]", "places[0].find.slots", "from 0 to 1000"},
		{", \"slots\": [0, 9]", "", "places[0].find.slots", "1 to 4 numbers"},
		{"\"table\": \"LargeGetApi\"", "\"table\": \"LargeGetApi\", \"symbol\": \"a\"", "places[0].find", "one of \"exported\", \"symbol\", \"class\" and \"table\""},
		{"\"bytes\": 16", "\"bytes\": 0", "places[4].each", "needs \"bytes\", of one element: 1 to 65536"},
		{"\"bytes\": 16", "\"bytes\": 65537", "places[4].each", "1 to 65536"},
		{"\"bytes\": 16", "\"bytes\": \"16\"", "places[4].each", "1 to 65536"},
		{"\"bytes\": 16, ", "", "places[4].each", "needs \"bytes\""},
		{"\"array\": \"large::kind_*\", ", "", "places[4].each", "\"array\" is missing"},
		{"\"filled_by\"", "\"filled\"", "line 15: places[4].each", "\"filled\" is not known here (array, bytes, filled_by)"},
		{"{\"array\": \"large::kind_*\", \"bytes\": 16, \"filled_by\": \"large_fill_{1}\"}", "\"large::kind_*\"", "places[4].each", "must be an object"},
		{"\"each\": {\"array\": \"large::kind_*\", \"bytes\": 16, \"filled_by\": \"large_fill_{1}\"}, ", "", "places[4]", "give both, or neither"},
		{"\"identity\": \"element\",\n     \"count\": \"u32(*(element+8))\"", "\"count\": \"1\"", "places[4]", "give both, or neither"},
		{"\"means\": \"spikes\", \"find\": {\"exported\": \"large_step\"}, \"at\": \"exit\"", "\"means\": \"layer\", \"find\": {\"exported\": \"large_step\"}", "places[4]", "only spikes and synops are counted of \"each\""},
		{"\"python\"", "\"perl\"", "description", "\"names\" must be \"python\""},
		{"\"python\"", "true", "description", "\"names\" must be \"python\""},
		{"[\"large_run\", \"large::Executor::*\"]", "\"large_run\"", "description", "\"callers\" must be a list"},
		{"[\"large_run\", \"large::Executor::*\"]", "[3]", "description.callers", "must hold texts"},
	};
	// clang-format on
	for (const auto &[from, to, where, what] : cases) {
		const std::string text = large(from, to);
		EXPECT_THAT(error_of(text), AllOf(HasSubstr("tiny.json"), HasSubstr(where), HasSubstr(what)))
			<< from << " -> " << to;
	}
}

// The schema refuses what the parser refuses, but for the language of values.
TEST(RuntimeDescription, TheSchemaKnowsWhatTheParserKnows)
{
	EXPECT_TRUE(fits_schema(json::parse(kTiny)));
	EXPECT_TRUE(fits_schema(json::parse(kLarge)));
	for (const BuiltInFile &file : built_in_runtime_files())
		EXPECT_TRUE(fits_schema(json::parse(file.text))) << file.name;
	const std::pair<std::string, std::string> cases[] = {
		{"\"exit\",", "\"exits\","},
		{"\"bytes\": 4", "\"bytes\": 2"},
		{"\"bytes\": 4", "\"size\": 4"},
		{"\"count\": \"u32(arg2+16)\", ", ""},
		{"\"slots\": [0, 9]", "\"slots\": []"},
		{"\"slots\": [0, 9]", "\"slots\": [0, 1, 2, 3, 4]"},
		{"\"slots\": [0, 9]", "\"slots\": [0, 1001]"},
		{", \"slots\": [0, 9]", ""},
		{"[\"undef\", \"reorder\"]", "[]"},
		{"[\"undef\", \"reorder\"]", "[\"undef\", 1]"},
		{"[\"large_run\", \"large::Executor::*\"]", "\"large_run\""},
		{"[\"large_run\", \"large::Executor::*\"]", "[3]"},
		{"type_name(*(arg1+8))", "type(arg1)"},
		{"\"table\": \"LargeGetApi\"", "\"table\": \"LargeGetApi\", \"symbol\": \"a\""},
		{"\"at\": \"entry\"", "\"when\": \"entry\""},
		{"\"bytes\": 16", "\"bytes\": 0"},
		{"\"bytes\": 16", "\"bytes\": 65537"},
		{"\"bytes\": 16, ", ""},
		{"\"array\": \"large::kind_*\", ", ""},
		{"\"filled_by\"", "\"filled\""},
	};
	for (const auto &[from, to] : cases) {
		const std::string text = large(from, to);
		EXPECT_FALSE(fits_schema(json::parse(text))) << from << " -> " << to;
		EXPECT_NE(error_of(text), "") << from << " -> " << to;
	}
}

TEST(RuntimeDescription, EveryBuiltInOneIsRead)
{
	ASSERT_FALSE(built_in_runtime_files().empty());
	for (const BuiltInFile &file : built_in_runtime_files()) {
		const auto runtime = parse_runtime_description(file.text, std::string(file.name));
		ASSERT_TRUE(runtime.ok()) << runtime.error().what;
		EXPECT_EQ(runtime->name, file.name);
	}
}

TEST(RuntimeDescription, MistakesNameFileLineAndPlace)
{
	EXPECT_THAT(error_of(replaced("arg1+8", "arg9+8")), HasSubstr("tiny.json, line 7: places[1].layer"));
	EXPECT_THAT(error_of(replaced("\"means\": \"layer\"", "\"means\": \"thing\"")), HasSubstr("line 6: places[1]"));
	EXPECT_THAT(error_of(replaced("\"identity\"", "\"identify\"")), HasSubstr("line 7: places[1]: \"identify\""));
	EXPECT_THAT(error_of(replaced("\"tested\": \"1.0\",", "")), HasSubstr("\"tested\" is missing"));
	EXPECT_THAT(error_of(replaced("runtime/1", "runtime/2")), HasSubstr("schema"));
	EXPECT_THAT(error_of(replaced("},\n    {", "}\n    {")), HasSubstr("tiny.json, line 6: not JSON"));
	EXPECT_THAT(error_of(replaced("\"inference\"", "\"spikes\"")), HasSubstr("\"count\""));
	EXPECT_THAT(error_of(replaced("{\"exported\": \"tiny_run\"}", "{\"class\": \"4Tiny\"}")), HasSubstr("slot"));
	EXPECT_THAT(error_of(replaced("{\"exported\": \"tiny_run\"}", "{}")), HasSubstr("one of"));
	EXPECT_THAT(error_of("[]"), HasSubstr("must be an object"));
	EXPECT_THAT(error_of("6E66666"), HasSubstr("not JSON"));
}

TEST(RuntimeDescription, FilesOfTheUserReplaceWhatIsKnown)
{
	const test::TemporaryFolder folder;
	const std::string path = folder.path() + "/neuron.json";
	std::ofstream(path) << replaced("\"name\": \"tiny\"", "\"name\": \"neuron\"");
	const auto chosen = chosen_runtimes({}, {path});
	ASSERT_TRUE(chosen.ok()) << chosen.error().what;
	EXPECT_EQ(chosen->size(), built_in_runtime_files().size());
	EXPECT_EQ(chosen->front().title, "Tiny");
	EXPECT_EQ(chosen_runtimes({"none"}, {})->size(), 0u);
	EXPECT_EQ(chosen_runtimes({"neuron"}, {})->size(), 1u);
	EXPECT_FALSE(chosen_runtimes({"nobody"}, {}).ok());
	EXPECT_FALSE(chosen_runtimes({}, {folder.path() + "/missing.json"}).ok());
}

} // namespace
} // namespace neuroperf::collector
