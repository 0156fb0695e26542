// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_description.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "collector/built_in_runtimes.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using testing::HasSubstr;

constexpr std::string_view kTiny = R"json({
  "schema": "neuroperf.runtime/1", "name": "tiny", "title": "Tiny", "tested": "1.0",
  "match": {"files": ["libtiny.so*"], "exports": "tiny_run"},
  "places": [
    {"name": "model", "means": "inference", "find": {"exported": "tiny_run"}},
    {"name": "layer", "means": "layer", "find": {"exported": "tiny_layer"},
     "identity": "arg1", "layer": "c_string(*(arg1+8))"}
  ]
})json";

std::string replaced(std::string_view from, std::string_view to)
{
	std::string text(kTiny);
	const std::size_t at = text.find(from);
	EXPECT_NE(at, text.npos) << from;
	return text.replace(at, from.size(), to);
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
