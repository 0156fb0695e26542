// SPDX-License-Identifier: Apache-2.0
#include "analyzer/runtimes.hpp"

#include <gtest/gtest.h>

#include "analyzer/report_builder.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

RecordedRuntime tiny()
{
	return {"tiny", "Tiny", "/lib/libtiny.so", 3, 2, 10, 9, 1, {}};
}

uint64_t number(const Table &table, std::string_view column, std::size_t row = 0)
{
	return std::get<uint64_t>(table.rows[row][static_cast<std::size_t>(table.column(column))]);
}

TEST(Runtimes, CostIsHitsTimesWhatOneCosts)
{
	Runtimes runtimes;
	runtimes.tell(0, tiny());
	runtimes.tell_probes(0, {"emulated entry", "", 10, 600, 200});
	runtimes.tell_probes(0, {"emulated entry", "", 100, 600, 200}); // the last word counts
	runtimes.tell_probes(0, {"stepped return", "", 50, 500, 4500});
	runtimes.tell(0, tiny());
	EXPECT_EQ(runtimes.hits(), 150u);
	EXPECT_EQ(runtimes.cost_ns(), 100u * 800 + 50 * 5000);
	const Table table = make_runtimes(runtimes, {3'300'000, true});
	ASSERT_EQ(table.rows.size(), 1u);
	EXPECT_EQ(number(table, "places_found"), 2u);
	EXPECT_EQ(number(table, "places"), 3u);
	EXPECT_EQ(number(table, "functions_stepped"), 1u);
	EXPECT_EQ(number(table, "cost_ns"), 330'000u);
	EXPECT_EQ(number(table, "emulated_entry_ns"), 800u);
	EXPECT_EQ(number(table, "stepped_return_ns"), 5000u);
	EXPECT_DOUBLE_EQ(std::get<double>(table.rows[0][static_cast<std::size_t>(table.column("share_of_cpu"))]), 0.1);
	EXPECT_EQ(table.columns[static_cast<std::size_t>(table.column("cost_ns"))].provenance, Provenance::derived);
	EXPECT_GE(make_runtimes(runtimes, {1, false}).column("share_of_wall"), 0);
}

TEST(Runtimes, WhatIsNotKnownIsAbsentNotNothing)
{
	Runtimes runtimes;
	runtimes.tell(0, tiny());
	runtimes.tell_probes(0, {"emulated entry", "not measured on this kind of CPU", 10, 0, 0});
	runtimes.tell_probes(7, {"emulated entry", "", 10, 1, 1}); // of nothing that was told
	EXPECT_FALSE(runtimes.cost_ns());
	std::string why;
	EXPECT_EQ(runtimes.hits_of_unknown_cost(&why), 10u);
	EXPECT_EQ(why, "not measured on this kind of CPU");
	const Table table = make_runtimes(runtimes, {1000, true});
	ASSERT_EQ(table.rows.size(), 1u);
	for (const char *column : {"cost_ns", "share_of_cpu", "emulated_entry_ns"})
		EXPECT_TRUE(is_absent(table.rows[0][static_cast<std::size_t>(table.column(column))])) << column;
	EXPECT_EQ(number(table, "hits"), 10u);
}

TEST(Runtimes, DamagedNumbersAreLeftOut)
{
	Runtimes runtimes;
	runtimes.tell(1'000'000, tiny());
	EXPECT_TRUE(runtimes.all().empty());
	EXPECT_TRUE(make_runtimes(runtimes, {1000, true}).rows.empty());
}

// From the events of a recording to the report.
TEST(Runtimes, AReportHasThemAndWhatProbesCostInLayers)
{
	const test::TemporaryFolder folder;
	test::RecordingBuilder recording(folder.file("a.data"));
	recording.define_layer(1, "outer").define_layer(2, "inner").define_layer(3, "by the header");
	recording.begin(7, 1, 1000).begin(7, 2, 2000).probed_end(7, 2, 3000, 400).probed_end(7, 1, 10'000, 2400);
	recording.begin(7, 3, 20'000).end(7, 3, 21'000);
	recording.runtime(0, "tiny", 3, 2).runtime_probes(0, "emulated entry", 2, 900, 100);
	recording.finish();
	const auto report = make_report(folder.file("a.data"), {});
	ASSERT_TRUE(report.ok());
	const Table &layers = *report->table("layers");
	ASSERT_EQ(layers.rows.size(), 3u);
	EXPECT_EQ(std::get<std::string>(layers.rows[0][0]), "outer");
	EXPECT_EQ(number(layers, "total_ns"), 9000u - 2400);
	EXPECT_EQ(number(layers, "self_ns"), 8000u - 2000);
	EXPECT_EQ(number(layers, "probe_cost_ns"), 2400u);
	EXPECT_EQ(number(layers, "self_probe_cost_ns"), 2000u);
	EXPECT_EQ(std::get<std::string>(layers.rows[1][0]), "by the header");
	EXPECT_EQ(number(layers, "total_ns", 1), 1000u);
	EXPECT_TRUE(is_absent(layers.rows[1][static_cast<std::size_t>(layers.column("probe_cost_ns"))]));
	const Table *runtimes = report->table("runtimes");
	ASSERT_TRUE(runtimes);
	EXPECT_EQ(number(*runtimes, "cost_ns"), 2000u);
	EXPECT_EQ(number(*runtimes, "places_found"), 2u);
}

TEST(Runtimes, WithoutAnyTheReportIsAsEver)
{
	const test::TemporaryFolder folder;
	test::RecordingBuilder recording(folder.file("a.data"));
	recording.define_layer(1, "outer").begin(7, 1, 1000).end(7, 1, 2000).finish();
	const auto report = make_report(folder.file("a.data"), {});
	ASSERT_TRUE(report.ok());
	EXPECT_FALSE(report->table("runtimes"));
	EXPECT_EQ(report->table("layers")->column("probe_cost_ns"), -1);
}

} // namespace
} // namespace neuroperf::analyzer
