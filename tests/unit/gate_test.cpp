// SPDX-License-Identifier: Apache-2.0
#include "analyzer/gate.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/report_json.hpp"
#include "report_samples.hpp"
#include "viewer/render/gate_text.hpp"

namespace neuroperf::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

Cell &cell(Report &report, std::size_t row, const char *key)
{
	Table &table = report.tables[0];
	return table.rows[row][static_cast<std::size_t>(table.column(key))];
}

TEST(Gate, EqualReportsPass)
{
	const GateResult result = compare(sample_report(), sample_report());
	EXPECT_EQ(result.outcome, GateOutcome::pass);
	EXPECT_EQ(result.layers_compared, 2u);
	EXPECT_EQ(result.values_compared,
		  2u * 3 + 2); // calls, spikes, synops; macs and one total are absent on both sides
	EXPECT_TRUE(result.rows.empty());
	EXPECT_TRUE(result.reasons.empty());
}

TEST(Gate, TimesAndOrderDoNotMatter)
{
	Report candidate = sample_report();
	cell(candidate, 0, "total_ns") = uint64_t{1};
	cell(candidate, 0, "energy") = energy(99);
	candidate.totals[0].value = uint64_t{9}; // samples
	std::swap(candidate.tables[0].rows[0], candidate.tables[0].rows[1]);
	std::swap(candidate.tables[0].columns[3], candidate.tables[0].columns[4]);
	EXPECT_EQ(compare(sample_report(), candidate).outcome, GateOutcome::pass);
}

TEST(Gate, OneSpikeMoreIsARegression)
{
	Report candidate = sample_report();
	cell(candidate, 1, "spikes") = uint64_t{7001};
	const GateResult result = compare(sample_report(), candidate);
	EXPECT_EQ(result.outcome, GateOutcome::regression);
	ASSERT_EQ(result.rows.size(), 1u);
	const GateRow &row = result.rows[0];
	EXPECT_EQ(row.layer, "lif1");
	EXPECT_EQ(row.kind, "lif");
	EXPECT_EQ(row.metric.key, "spikes");
	EXPECT_EQ(std::get<uint64_t>(row.baseline), 7000u);
	EXPECT_EQ(std::get<uint64_t>(row.candidate), 7001u);
	EXPECT_EQ(std::get<uint64_t>(row.difference), 1u);
	EXPECT_EQ(row.direction, 1);
	EXPECT_EQ(compare(candidate, sample_report()).rows[0].direction, -1);
}

TEST(Gate, LargeNumbersCompareExactly)
{
	Report baseline = sample_report(), candidate = sample_report();
	cell(baseline, 0, "synops") = UINT64_MAX;
	cell(candidate, 0, "synops") = UINT64_MAX - 1;
	const GateResult result = compare(baseline, candidate);
	ASSERT_EQ(result.rows.size(), 1u);
	EXPECT_EQ(std::get<uint64_t>(result.rows[0].difference), 1u);
	EXPECT_EQ(result.rows[0].direction, -1);
}

TEST(Gate, ADifferentTotalIsARegression)
{
	Report candidate = sample_report();
	candidate.totals[1].value = uint64_t{201};
	const GateResult result = compare(sample_report(), candidate);
	EXPECT_EQ(result.outcome, GateOutcome::regression);
	ASSERT_EQ(result.rows.size(), 1u);
	EXPECT_EQ(result.rows[0].layer, "");
	EXPECT_EQ(result.rows[0].metric.key, "layer_calls");
}

TEST(Gate, AbsentIsNotZero)
{
	Report candidate = sample_report();
	cell(candidate, 0, "macs") = uint64_t{0};
	const GateResult result = compare(sample_report(), candidate);
	EXPECT_EQ(result.outcome, GateOutcome::regression);
	EXPECT_TRUE(is_absent(result.rows[0].difference));
}

TEST(Gate, MissingAndNewLayersAreRegressions)
{
	Report candidate = sample_report();
	candidate.tables[0].rows[0][1] = std::string("conv"); // another kind is another layer
	const GateResult result = compare(sample_report(), candidate);
	EXPECT_EQ(result.outcome, GateOutcome::regression);
	ASSERT_EQ(result.rows.size(), 2u);
	EXPECT_EQ(result.rows[0].change, GateChange::layer_missing);
	EXPECT_EQ(result.rows[1].change, GateChange::layer_new);
	EXPECT_THAT(result.reasons, Contains(HasSubstr("1 layer of the baseline is missing")));
}

TEST(Gate, LayersOfOneNameArePairedByWhatTheyCounted)
{
	Report baseline = sample_report(), candidate = sample_report();
	baseline.tables[0].rows = {layer("a", 10), layer("a", 20), layer("a", 30)};
	candidate.tables[0].rows = {layer("a", 30), layer("a", 10), layer("a", 20)};
	EXPECT_EQ(compare(baseline, candidate).outcome, GateOutcome::pass);
	candidate.tables[0].rows.push_back(layer("a", 40));
	const GateResult result = compare(baseline, candidate);
	ASSERT_EQ(result.rows.size(), 1u);
	EXPECT_EQ(result.rows[0].change, GateChange::layer_new);
}

TEST(Gate, ALossyReportDecidesNothing)
{
	Report lossy = sample_report();
	lossy.quality.push_back({Severity::data_loss, "lost", "5 events were lost.", "", Cell()});
	cell(lossy, 0, "spikes") = uint64_t{3};
	for (const GateResult &result : {compare(lossy, sample_report()), compare(sample_report(), lossy)}) {
		EXPECT_EQ(result.outcome, GateOutcome::inconclusive);
		EXPECT_THAT(result.reasons, Contains(HasSubstr("lost data")));
		EXPECT_EQ(result.rows.size(), 1u); // still shown
	}
}

TEST(Gate, NoLayersDecideNothing)
{
	Report none = sample_report();
	none.tables[0].rows.clear();
	EXPECT_EQ(compare(none, sample_report()).outcome, GateOutcome::inconclusive);
	EXPECT_EQ(compare(sample_report(), none).outcome, GateOutcome::inconclusive);
	const GateResult result = compare(Report{}, Report{});
	EXPECT_EQ(result.outcome, GateOutcome::inconclusive);
	EXPECT_THAT(result.reasons, Contains("The baseline has no layers."));
}

TEST(Gate, OtherOptionsDecideNothing)
{
	Report candidate = sample_report();
	candidate.meta[0].value = std::string("./other"); // not an option
	EXPECT_EQ(compare(sample_report(), candidate).outcome, GateOutcome::pass);
	candidate.meta[1].value = std::string("another");
	EXPECT_EQ(compare(sample_report(), candidate).outcome, GateOutcome::inconclusive);
	candidate.meta.pop_back();
	const GateResult result = compare(sample_report(), candidate);
	EXPECT_EQ(result.outcome, GateOutcome::inconclusive);
	EXPECT_THAT(result.reasons, Contains(HasSubstr("option_energy_model")));
}

TEST(Gate, AMetricOfOneSideOnlyDecidesNothing)
{
	Report candidate = sample_report();
	candidate.tables[0].columns[2].key = "other_calls";
	const GateResult result = compare(sample_report(), candidate);
	EXPECT_EQ(result.outcome, GateOutcome::inconclusive);
	EXPECT_THAT(result.reasons, Contains(HasSubstr("Only the baseline has calls")));
	EXPECT_THAT(result.reasons, Contains(HasSubstr("Only the candidate has other_calls")));
	Report nothing = sample_report();
	for (Metric &column : nothing.tables[0].columns)
		column.deterministic = false;
	nothing.totals.clear();
	EXPECT_EQ(compare(nothing, nothing).outcome, GateOutcome::inconclusive);
}

TEST(Gate, ARecordingEqualsItsFile)
{
	Report report = hostile_report();
	cell(report, 0, "spikes") = 0.1 + 0.2;
	cell(report, 1, "spikes") = std::nan("");
	const Result<Report> file = read_json_report(render_json(report));
	ASSERT_TRUE(file.ok());
	EXPECT_EQ(compare(*file, report).outcome, GateOutcome::pass);
	EXPECT_EQ(compare(report, *file).outcome, GateOutcome::pass);
}

TEST(Gate, FiveThousandLayers)
{
	Report report = sample_report();
	for (int i = 0; i < 5000; i++)
		report.tables[0].rows.push_back(layer("pop" + std::to_string(i), 10));
	EXPECT_EQ(compare(report, report).layers_compared, 5002u);
}

TEST(GateText, ShowsDifferencesReasonsAndVerdict)
{
	EXPECT_EQ(viewer::render_gate(compare(sample_report(), sample_report()), {80, false, true, 20}),
		  "PASS: 2 layers and 8 values compared exactly, no difference\n");
	Report candidate = sample_report();
	cell(candidate, 1, "spikes") = uint64_t{6999};
	const std::string text = viewer::render_gate(compare(sample_report(), candidate), {80, false, false, 20});
	EXPECT_THAT(text, HasSubstr("lif1   lif   spikes     7,000      6,999          -1\n"));
	EXPECT_THAT(text, HasSubstr("1 of 8 compared values differs.\n"));
	EXPECT_THAT(text, HasSubstr("REGRESSION: "));
	EXPECT_THAT(viewer::render_gate(compare(Report{}, Report{}), {80, false, true, 20}),
		    HasSubstr("INCONCLUSIVE: "));
}

TEST(GateText, HostileNamesAndManyRows)
{
	const std::string text = viewer::render_gate(compare(sample_report(), hostile_report()), {80, false, true, 3});
	EXPECT_THAT(text, HasSubstr("and 11 more\n"));
	EXPECT_THAT(viewer::render_gate(compare(sample_report(), hostile_report()), {80, false, true, 0}),
		    testing::AllOf(HasSubstr("\\x1b[31mred"), Not(HasSubstr("\x1b"))));
}

} // namespace
} // namespace neuroperf::test
