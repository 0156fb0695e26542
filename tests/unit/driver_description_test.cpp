// SPDX-License-Identifier: Apache-2.0
#include "recording/driver_description.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "recording/built_in_drivers.hpp"
#include "recording/ftrace_text.hpp"
#include "tests/support/fits_schema.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::recording {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

bool fits_schema(const json &document)
{
	return test::fits_schema(document, "driver-1");
}

constexpr std::string_view kTiny = R"json({
  "schema": "neuroperf.driver/1", "name": "tiny", "title": "Tiny NPU", "seen": "1.0", "knows": "all", "infers": "nothing",
  "match": {"modules": ["tiny"], "fences": ["tiny", "tiny2"]},
  "texts": {"tiny:job": "{what} job:{job} on {core}"},
  "sources": [
    {"name": "tiny:job", "keys": "tiny jobs", "confidence": "exact", "events": [
      {"event": "tiny:job", "means": "job_queued", "where": {"what": "queue"}, "key": ["core", "job"], "engine": ["core"], "device": "dev"},
      {"event": "tiny:job", "means": "job_done", "where": {"what": "done"}, "except": {"core": "9"}, "key": ["core", "job"], "status": "error"},
      {"event": "tiny:over", "means": "job_ended", "key": ["job"]}
    ]}
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
	const auto parsed = parse_driver_description(text, "tiny.json");
	return parsed.ok() ? "" : parsed.error().what;
}

TEST(DriverDescription, ReadsAllThatItMayHold)
{
	const auto driver = parse_driver_description(kTiny, "tiny.json");
	ASSERT_TRUE(driver.ok()) << driver.error().what;
	EXPECT_EQ(driver->title, "Tiny NPU");
	EXPECT_THAT(driver->modules, ElementsAre("tiny"));
	EXPECT_THAT(driver->fence_drivers, ElementsAre("tiny", "tiny2"));
	ASSERT_EQ(driver->texts.size(), 1u);
	EXPECT_EQ(driver->texts[0].event, "tiny:job");
	ASSERT_EQ(driver->sources.size(), 1u);
	const DriverSource &source = driver->sources[0];
	EXPECT_TRUE(source.exact);
	EXPECT_EQ(source.keys, "tiny jobs");
	EXPECT_THAT(source.events(), ElementsAre("tiny:job", "tiny:over"));
	ASSERT_EQ(source.rules.size(), 3u);
	EXPECT_EQ(source.rules[0].moment, JobMoment::queued);
	EXPECT_THAT(source.rules[0].where, ElementsAre(Pair("what", "queue")));
	EXPECT_THAT(source.rules[0].key, ElementsAre("core", "job"));
	EXPECT_EQ(source.rules[0].device, "dev");
	EXPECT_THAT(source.rules[1].except, ElementsAre(Pair("core", "9")));
	EXPECT_EQ(source.rules[1].status, "error");
	EXPECT_EQ(to_string(source.rules[2].moment), "job_ended");
}

// What the parser refuses the schema refuses too.
TEST(DriverDescription, Mistakes)
{
	const struct {
		const char *from, *to, *where, *what;
	} kCases[] = {
		{"driver/1", "driver/2", "tiny.json", "\"schema\""},
		{"\"seen\": \"1.0\",", "", "description", "\"seen\" is missing"},
		{"\"modules\"", "\"module\"", "line 3: match", "\"module\" is not known here"},
		{"\"modules\": [\"tiny\"]", "\"modules\": []", "match", "1 to 1024 texts"},
		{"{\"tiny:job\": \"{what}", "{\"job\": \"{what}", "texts", "\"job\" is not GROUP:EVENT"},
		{"job:{job} on", "job:{job;\\n} on", "line 4: texts", "is no name of a field"},
		{"\"exact\"", "\"sure\"", "line 6: sources[0]", "exact or inferred"},
		{"\"event\": \"tiny:job\", \"means\": \"job_queued\"", "\"event\": \"job\", \"means\": \"job_queued\"",
		 "sources[0].events[0]", "GROUP:EVENT"},
		{"\"job_queued\"", "\"queued\"", "line 7: sources[0].events[0]", "\"means\" is job_queued"},
		{"\"key\": [\"core\", \"job\"], \"engine\"", "\"engine\"", "sources[0].events[0]", "\"key\""},
		{"\"key\": [\"core\", \"job\"], \"engine\"", "\"key\": [\"a\", \"b\", \"c\"], \"engine\"",
		 "sources[0].events[0]", "one field, or two"},
		{"{\"what\": \"queue\"}", "{}", "sources[0].events[0]", "\"where\" must be an object of 1 to 8"},
		{"{\"what\": \"queue\"}", "{\"what\": 3}", "sources[0].events[0].where", "\"what\" must be a text"},
		{"\"status\"", "\"state\"", "line 8: sources[0].events[1]", "\"state\" is not known here"},
	};
	EXPECT_TRUE(fits_schema(json::parse(kTiny)));
	for (const auto &[from, to, where, what] : kCases) {
		const std::string text = replaced(from, to);
		EXPECT_THAT(error_of(text), AllOf(HasSubstr(where), HasSubstr(what))) << from << " -> " << to;
		EXPECT_FALSE(fits_schema(json::parse(text))) << from << " -> " << to;
	}
	EXPECT_THAT(error_of("{"), HasSubstr("tiny.json, line 1: not JSON"));
	EXPECT_THAT(error_of("[]"), HasSubstr("must be an object"));
	EXPECT_THAT(
		error_of(R"({"schema": "neuroperf.driver/1", "name": "a", "title": "A", "seen": "-", "knows": "-"})"),
		HasSubstr("needs \"sources\""));
}

TEST(DriverDescription, EveryBuiltInOneIsRead)
{
	ASSERT_GE(built_in_driver_files().size(), 8u);
	for (const BuiltInFile &file : built_in_driver_files()) {
		const auto driver = parse_driver_description(file.text, std::string(file.name));
		ASSERT_TRUE(driver.ok()) << driver.error().what;
		EXPECT_EQ(driver->name, file.name);
		EXPECT_TRUE(fits_schema(json::parse(file.text))) << file.name;
		// A text that is read back has all that the rules need.
		for (const DriverSource &source : driver->sources)
			for (const DriverRule &rule : source.rules)
				for (const EventText &text : driver->texts) {
					if (text.event != rule.event)
						continue;
					const TextPattern pattern(text.pattern);
					std::vector<std::string> names;
					for (const TextPattern::Field &field : pattern.fields())
						names.push_back(field.name);
					EXPECT_THAT(names, testing::IsSupersetOf(rule.key)) << text.event;
					EXPECT_THAT(names, testing::IsSupersetOf(rule.engine)) << text.event;
				}
	}
}

TEST(DriverDescription, FilesOfTheUserReplaceWhatIsKnown)
{
	const test::TemporaryFolder folder;
	const std::string path = folder.path() + "/ivpu.json";
	std::ofstream(path) << replaced("\"name\": \"tiny\"", "\"name\": \"ivpu\"");
	const auto chosen = chosen_drivers({}, {path});
	ASSERT_TRUE(chosen.ok()) << chosen.error().what;
	EXPECT_EQ(chosen->size(), built_in_driver_files().size());
	EXPECT_EQ(chosen->front().title, "Tiny NPU");
	EXPECT_EQ(chosen_drivers({"none"}, {})->size(), 0u);
	EXPECT_EQ(chosen_drivers({"ivpu", "drm_sched"}, {})->size(), 2u);
	EXPECT_FALSE(chosen_drivers({"nobody"}, {}).ok());
	EXPECT_FALSE(chosen_drivers({}, {folder.path() + "/missing.json"}).ok());
}

} // namespace
} // namespace neuroperf::recording
