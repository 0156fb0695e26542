// SPDX-License-Identifier: Apache-2.0
#include "analyzer/report_json.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report_samples.hpp"
#include "tests/support/fits_schema.hpp"

namespace neuroperf::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json written(const Report &report)
{
	return json::parse(render_json(report));
}

TEST(JsonReport, FitsItsSchema)
{
	EXPECT_TRUE(fits_schema(written(sample_report())));
	EXPECT_TRUE(fits_schema(written(hostile_report())));
	Report absent = sample_report();
	for (std::vector<Cell> &row : absent.tables[0].rows)
		std::fill(row.begin() + 1, row.end(), Cell());
	EXPECT_TRUE(fits_schema(written(absent)));
}

TEST(JsonReport, TheSchemaRefusesWhatIsMutilated)
{
	const json good = written(sample_report());
	for (const char *key : {"name", "kind", "calls", "total_ns", "p99_ns", "spikes", "energy"}) {
		json bad = good;
		bad["layers"][0].erase(key);
		EXPECT_FALSE(fits_schema(bad)) << key;
	}
	for (const char *pointer :
	     {"/schema", "/quality", "/totals/lost", "/functions/0/symbol", "/metrics/layers/calls/unit",
	      "/layers/0/energy/provenance", "/quality/0/severity"}) {
		json bad = good;
		const json::json_pointer at(pointer);
		bad[at.parent_pointer()].erase(at.back());
		EXPECT_FALSE(fits_schema(bad)) << pointer;
	}
	json bad = good;
	bad["layers"][0]["calls"] = "many";
	EXPECT_FALSE(fits_schema(bad));
	bad = good;
	bad["quality"][0]["severity"] = "bad";
	EXPECT_FALSE(fits_schema(bad));
	bad = good;
	bad["layers"][0]["energy"] = 5;
	EXPECT_FALSE(fits_schema(bad));
}

TEST(JsonReport, HoldsWhatTheReportHolds)
{
	const auto document = nlohmann::ordered_json::parse(render_json(sample_report()));
	EXPECT_EQ(document["schema"], "neuroperf.report/1");
	EXPECT_EQ(document["layers"][0]["calls"], 100);
	EXPECT_TRUE(document["layers"][0]["macs"].is_null());
	EXPECT_EQ(document["layers"][0]["energy"]["provenance"], "modelled");
	EXPECT_EQ(document["layers"][0]["energy"]["terms"][0]["operation"], "synaptic_event");
	EXPECT_EQ(document["metrics"]["functions"]["share"]["unit"], "share");
	EXPECT_EQ(document["metrics"]["totals"]["samples"]["provenance"], "measured");
	std::vector<std::string> keys;
	for (const auto &[key, value] : document["functions"][0].items())
		keys.push_back(key);
	EXPECT_THAT(keys, testing::ElementsAre("symbol", "module", "self_samples", "total_samples", "share"));
}

TEST(JsonReport, KeepsWholeNumbersWholeAndReplacesWhatJsonCannotHold)
{
	Report report = sample_report();
	report.totals[0].value = std::numeric_limits<uint64_t>::max();
	report.totals[1].value = std::nan("");
	report.totals[2].value = std::numeric_limits<double>::infinity();
	report.meta[0].value = std::string("bad\xff");
	const json document = written(report);
	EXPECT_EQ(document["totals"]["samples"].get<uint64_t>(), std::numeric_limits<uint64_t>::max());
	EXPECT_TRUE(document["totals"]["layer_calls"].is_null());
	EXPECT_TRUE(document["totals"]["spikes"].is_null());
	EXPECT_EQ(document["meta"]["program"], "bad\ufffd");
}

TEST(JsonReport, ComesBackAsItWentOut)
{
	for (const Report &report : {sample_report(), hostile_report(), Report{}}) {
		const std::string text = render_json(report);
		const Result<Report> back = read_json_report(text);
		ASSERT_TRUE(back.ok()) << back.error().what;
		EXPECT_EQ(render_json(*back), text);
	}
	const Result<Report> back = read_json_report(render_json(sample_report()));
	EXPECT_EQ(back->table("layers")->columns[2].deterministic, true);
	EXPECT_EQ(std::get<uint64_t>(back->table("layers")->rows[1][2]), 100u);
	EXPECT_EQ(std::get<double>(back->quality[1].value), 0.25);
}

std::string problem(const std::string &text)
{
	const Result<Report> report = read_json_report(text);
	return report.ok() ? "" : report.error().what;
}

TEST(JsonReport, ReadingRefusesHostileFilesWithASentence)
{
	EXPECT_THAT(problem(""), HasSubstr("not JSON"));
	EXPECT_THAT(problem("{\"schema\":"), HasSubstr("not JSON"));
	EXPECT_THAT(problem("[]"), HasSubstr("schema"));
	EXPECT_THAT(problem("{\"schema\":7}"), HasSubstr("schema"));
	EXPECT_THAT(problem("{\"schema\":\"neuroperf.report/2\"}"), HasSubstr("schema"));
	EXPECT_THAT(problem("{\"schema\":\"neuroperf.report/1\"}"), HasSubstr("\"metrics\""));
	EXPECT_THAT(problem(std::string(1000000, '[')), HasSubstr("16 levels"));
	EXPECT_THAT(problem("{\"a\":\"\xff\"}"), HasSubstr("not JSON"));
	EXPECT_THAT(problem("{\"a\":1e999}"), HasSubstr("out of range"));
	std::string members = "{\"a0\":0";
	for (int i = 1; i < 100000; i++)
		members += ",\"a" + std::to_string(i) + "\":0";
	EXPECT_THAT(problem(members + "}"), HasSubstr("256 members"));
}

TEST(JsonReport, ReadingRefusesEveryWrongType)
{
	Report small = sample_report();
	small.tables[0].rows.pop_back();
	const json good = written(small);
	const json flat = good.flatten();
	const std::vector<json> wrong = {true, json::object({{"x", 1}}), "?"};
	for (const auto &[pointer, value] : flat.items())
		for (const json &other : wrong) {
			json bad = good;
			bad[json::json_pointer(pointer)] = other;
			const Result<Report> report = read_json_report(bad.dump()); // must end, whatever it says
			if (!report.ok()) {
				EXPECT_THAT(report.error().what, HasSubstr("cannot be read: "));
			} else if (other.is_boolean()) {
				EXPECT_TRUE(value.is_boolean()) << pointer;
			}
		}
	for (const char *key : {"meta", "quality", "metrics", "totals", "layers", "functions"}) {
		json bad = good;
		bad[key] = 5;
		EXPECT_THAT(problem(bad.dump()), HasSubstr(key));
	}
	json bad = good;
	bad["layers"][0].erase("calls");
	EXPECT_THAT(problem(bad.dump()), HasSubstr("exactly the columns"));
}

TEST(JsonReport, EveryCutFileIsRefused)
{
	const std::string text = render_json(sample_report());
	for (std::size_t length = 0; length + 2 < text.size(); length += 41)
		EXPECT_NE(problem(text.substr(0, length)), "") << length;
}

} // namespace
} // namespace neuroperf::test
