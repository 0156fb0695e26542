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
      {"event": "tiny:over", "means": "job_ended", "key": ["job"]},
      {"event": "tiny:layer", "means": "task_done", "key": ["job"], "task": ["model", "layer"], "ran_ns": "took", "counts": {"spikes": "fired", "cycles": "ticks"}},
      {"event": "tiny:pm", "means": "state", "of": "power", "state": "step", "device": "dev"},
      {"event": "tiny:clock", "means": "value", "of": "clock", "value": "rate", "unit": "Hz"}
    ]}
  ]
})json";

constexpr std::string_view kProbes = R"json({
  "schema": "neuroperf.driver/1", "name": "tiny", "title": "Tiny NPU", "seen": "1.0", "knows": "all",
  "match": {"nodes": ["/dev/tiny*"]},
  "probes": {
    "submit": {"ioctl": ["0xc0686441", "0x40687201"], "pointer_at": 8, "fields": {
      "core": {"at": 56, "type": "u32"}, "handle": {"at": 4, "type": "s16", "pointed": true}}},
    "wait": {"ioctl": ["0x40106449"], "fields": {"handle": {"at": 8, "given": true}}},
    "rest": {"ioctl": "any"},
    "load": {"call": "write"},
    "done": {"function": "tiny_job_done", "fields": {"job": {"argument": 2}}}
  },
  "sources": [
    {"name": "functions", "confidence": "exact", "events": [
      {"event": "tiny:done_begin", "means": "job_done", "key": ["job"], "engine_name": "all"}]},
    {"name": "calls", "confidence": "inferred", "in_order": true, "events": [
      {"event": "tiny:submit_begin", "means": "job_queued", "key": ["handle", "process"], "engine": ["core"], "device": "node"},
      {"event": "tiny:wait_end", "means": "job_done", "key": ["handle", "process"], "ran_ns": "result", "jobs": "result"},
      {"event": "tiny:rest_begin", "means": "job_queued", "key": ["thread"], "where": {"request": "7"}},
      {"event": "tiny:load_end", "means": "job_queued", "key": ["thread"]}]}
  ]
})json";

std::string replaced(std::string_view from, std::string_view to, std::string_view in = kTiny)
{
	std::string text(in);
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
	ASSERT_EQ(source.rules.size(), 6u);
	EXPECT_THAT(source.more_events(), ElementsAre("tiny:layer", "tiny:pm", "tiny:clock"));
	EXPECT_EQ(source.rules[0].moment, JobMoment::queued);
	EXPECT_THAT(source.rules[0].where, ElementsAre(Pair("what", "queue")));
	EXPECT_THAT(source.rules[0].key, ElementsAre("core", "job"));
	EXPECT_EQ(source.rules[0].device, "dev");
	EXPECT_THAT(source.rules[1].except, ElementsAre(Pair("core", "9")));
	EXPECT_EQ(source.rules[1].status, "error");
	EXPECT_EQ(to_string(source.rules[2].moment), "job_ended");
	EXPECT_THAT(source.rules[3].task, ElementsAre("model", "layer"));
	EXPECT_EQ(source.rules[3].ran_ns, "took");
	EXPECT_THAT(source.rules[3].counts, ElementsAre("fired", "", "", "ticks"));
	EXPECT_EQ(source.rules[4].state, "step");
	EXPECT_EQ(source.rules[4].quantity, "power");
	EXPECT_EQ(source.rules[5].value, "rate");
	EXPECT_EQ(source.rules[5].unit, "Hz");
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
		{"\"task\": [\"model\", \"layer\"], ", "", "sources[0].events[3]", "\"task\""},
		{"{\"spikes\": \"fired\"", "{\"joules\": \"fired\"", "sources[0].events[3].counts",
		 "\"joules\" is not known"},
		{"\"of\": \"power\", ", "", "sources[0].events[4]", "\"of\" is missing"},
		{"\"status\"", "\"statue\"", "line 8: sources[0].events[1]", "\"statue\" is not known here"},
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

TEST(DriverDescription, ProbesOfItsOwn)
{
	const auto driver = parse_driver_description(kProbes, "tiny.json");
	ASSERT_TRUE(driver.ok()) << driver.error().what;
	ASSERT_EQ(driver->probes.size(), 5u);
	const DriverProbe *submit = driver->probe_of("tiny:submit_begin");
	ASSERT_TRUE(submit);
	EXPECT_EQ(driver->probe_of("tiny:submit_end"), submit);
	EXPECT_FALSE(driver->probe_of("tiny:submit"));
	EXPECT_FALSE(driver->probe_of("huge:submit_end"));
	EXPECT_EQ(submit->kind, DriverProbe::Kind::ioctl);
	EXPECT_THAT(submit->requests, ElementsAre(0xc0686441, 0x40687201));
	EXPECT_EQ(submit->argument_bytes, 0x68u) << "as the numbers say";
	EXPECT_EQ(submit->pointer_at, 8u);
	EXPECT_EQ(submit->pointed_bytes, 6u) << "up to the last field";
	EXPECT_EQ(submit->field("core")->offset, offset_in_argument(56));
	EXPECT_EQ(submit->field("core")->size, 4u);
	EXPECT_EQ(submit->field("handle")->offset, offset_in_pointed(4));
	EXPECT_TRUE(submit->field("handle")->is_signed);
	EXPECT_EQ(driver->probe_of("tiny:wait_end")->field("handle")->offset, offset_in_given(8));
	EXPECT_TRUE(driver->probe_of("tiny:rest_begin")->requests.empty());
	EXPECT_EQ(driver->probe_of("tiny:load_end")->kind, DriverProbe::Kind::write);
	EXPECT_EQ(driver->probe_of("tiny:done_begin")->function, "tiny_job_done");
	EXPECT_EQ(driver->probe_of("tiny:done_begin")->field("job")->offset, offset_of_argument(2));
	EXPECT_TRUE(driver->sources[1].in_order);
	EXPECT_FALSE(driver->sources[0].in_order);
	EXPECT_EQ(driver->sources[1].rules[1].ran_ns, "result");
	EXPECT_EQ(driver->sources[0].rules[0].engine_name, "all");
}

// Offsets are told once, in the format that the recording carries.
TEST(DriverDescription, FormatsOfProbes)
{
	const auto driver = parse_driver_description(kProbes, "tiny.json");
	ASSERT_TRUE(driver.ok());
	for (const DriverProbe &probe : driver->probes)
		for (const bool at_end : {false, true}) {
			const auto format = parse_format_text("tiny", format_of_probe(probe, at_end, 63001));
			ASSERT_TRUE(format.ok()) << probe.name;
			EXPECT_EQ(format->id, 63001u);
			EXPECT_EQ("tiny:" + format->name, event_of_probe("tiny", probe, at_end));
			for (const EventField &field : probe.fields) {
				ASSERT_TRUE(format->field(field.name)) << field.name;
				EXPECT_EQ(format->field(field.name)->offset, field.offset);
				EXPECT_EQ(format->field(field.name)->size, field.size);
				EXPECT_EQ(format->field(field.name)->is_signed, field.is_signed);
			}
			EXPECT_EQ(format->field("result") != nullptr, at_end);
			EXPECT_EQ(format->field("node") != nullptr, probe.is_call());
			EXPECT_EQ(format->field("request") != nullptr, probe.kind == DriverProbe::Kind::ioctl);
			EXPECT_TRUE(format->field("thread") && format->field("process"));
		}
}

TEST(DriverDescription, MistakesInProbes)
{
	const struct {
		const char *from, *to, *where, *what;
		bool schema_sees_it;
	} kCases[] = {
		{"\"ioctl\": [\"0x40106449\"]", "\"ioctl\": [\"1074816073\"]", "probes.wait", "is no number such as",
		 true},
		{"\"ioctl\": [\"0x40106449\"]", "\"ioctl\": [\"0x\"]", "probes.wait", "is no number such as", true},
		{"\"ioctl\": [\"0x40106449\"]", "\"ioctl\": \"all\"", "probes.wait", "must be a list", true},
		{"\"0x40687201\"", "\"0x40647201\"", "probes.submit", "arguments of one size", false},
		{"\"call\": \"write\"", "\"call\": \"mmap\"", "probes.load", "read or write", true},
		{"\"call\": \"write\"", "\"call\": \"write\", \"ioctl\": \"any\"", "probes.load", "has one of", true},
		{"\"tiny_job_done\"", "\"tiny job\"", "probes.done", "no name of a function", true},
		{"\"pointer_at\": 8", "\"pointer_at\": 97", "probes.submit", "is not in what", false},
		{"\"pointer_at\": 8, ", "", "probes.submit.fields.handle", "has \"pointer_at\"", false},
		{"\"at\": 56", "\"at\": 101", "probes.submit.fields.core", "behind the 104 bytes", false},
		{"\"at\": 56", "\"at\": -1", "probes.submit.fields.core", "a number from 0", true},
		{"\"at\": 4,", "\"at\": 63,", "probes.submit.fields.handle", "behind the 64 bytes", false},
		{"\"at\": 8, \"given\"", "\"at\": 9, \"given\"", "probes.wait.fields.handle", "behind the 16 bytes",
		 false},
		{"\"given\": true", "\"given\": 1", "probes.wait.fields.handle", "\"given\" is true", true},
		{"{\"argument\": 2}", "{\"argument\": 6}", "probes.done.fields.job", "from 0 to 5", true},
		{"{\"argument\": 2}", "{\"argument\": 0}", "probes.done.fields.job", "from 1 to 5", true},
		{"{\"argument\": 2}", "{\"argument\": 2, \"at\": 0}", "probes.done.fields.job", "either", true},
		{"\"type\": \"u32\"", "\"type\": \"int\"", "probes.submit.fields.core", "\"type\" is u8", true},
		{"tiny:load_end", "tiny:store_end", "probes.load", "no source has tiny:load_begin", false},
		{"[\"core\"]", "[\"kern\"]", "tiny:submit_begin", "no field \"kern\"", false},
		{"\"means\": \"job_queued\", \"key\": [\"thread\"]}]",
		 "\"means\": \"job_queued\", \"key\": [\"request\"]}]", "tiny:load_end", "no field \"request\"", false},
		{"\"in_order\": true", "\"in_order\": false", "sources[1]", "\"in_order\" is true", true},
		{"\"engine\": [\"core\"]", "\"engine\": [\"core\"], \"ran_ns\": \"core\"", "sources[1].events[0]",
		 "of job_done", false},
		{"\"engine\": [\"core\"]", "\"engine\": [\"core\"], \"engine_name\": \"x\"", "sources[1].events[0]",
		 "either \"engine\"", false},
		{"\"/dev/tiny*\"]", "\"/dev/tiny*\"], \"general\": false", "match", "\"general\" is true", true},
	};
	EXPECT_TRUE(fits_schema(json::parse(kProbes)));
	for (const auto &[from, to, where, what, schema_sees_it] : kCases) {
		const std::string text = replaced(from, to, kProbes);
		EXPECT_THAT(error_of(text), AllOf(HasSubstr(where), HasSubstr(what))) << from << " -> " << to;
		EXPECT_EQ(fits_schema(json::parse(text)), !schema_sees_it) << from << " -> " << to;
	}
}

TEST(DriverDescription, EveryBuiltInOneIsRead)
{
	ASSERT_GE(built_in_driver_files().size(), 20u);
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
