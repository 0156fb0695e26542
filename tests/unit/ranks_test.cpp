// SPDX-License-Identifier: Apache-2.0
// Recordings of the ranks of a run with known contents, merged.
#include "analyzer/ranks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "analyzer/report_json.hpp"
#include "tests/support/fits_schema.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"
#include "viewer/render/terminal.hpp"

namespace neuroperf::analyzer {
namespace {

using test::RecordingBuilder;
using testing::HasSubstr;

constexpr uint32_t kSolve = 1, kExchange = 2, kStep = 3;

// One step a millisecond: `solve_us` of computing, then an exchange up to the end of the step at 900 us.
struct RankWork {
	uint64_t solve_us = 100;
	int64_t clock_ahead_ns = 0;
	int64_t late_us = 0; // what every other exchange ends later than on the others
	uint64_t steps = 10, spikes = 0;
	bool exchange = true;
	uint64_t begin_ns = 1'000'000'000;
	std::string solve = "solve";
};

class RanksTest : public testing::Test {
protected:
	std::string write(const std::string &name, const RecordingBuilder::Options &options, const RankWork &work)
	{
		const std::string path = folder_.file(name);
		RecordingBuilder recording(path, options);
		const uint64_t start = work.begin_ns + static_cast<uint64_t>(work.clock_ahead_ns);
		recording.comm(100, 100, start, "app", true).define_inference(kStep, "step", "time step", start);
		recording.define_layer(kSolve, work.solve, "phase", {}, start);
		if (work.exchange)
			recording.define_layer(kExchange, "exchange (all)", "phase", {}, start);
		for (uint64_t i = 0; i < work.steps; i++) {
			const uint64_t begin = start + i * 1'000'000;
			const uint64_t solved = begin + work.solve_us * 1000;
			uint64_t end = begin + 900'000;
			end += i % 2 ? static_cast<uint64_t>(work.late_us * 1000) : 0;
			recording.inference_begin(100, kStep, begin).begin(100, kSolve, begin);
			if (i == 0 && work.spikes)
				recording.spikes(100, kSolve, begin + 1, work.spikes);
			recording.end(100, kSolve, solved);
			if (work.exchange)
				recording.begin(100, kExchange, solved).end(100, kExchange, end);
			recording.inference_end(100, kStep, end);
		}
		recording.finish();
		paths_.push_back(path);
		return path;
	}
	Report merged(const ReportOptions &options = {})
	{
		auto report = make_ranks_report(paths_, options);
		EXPECT_TRUE(report.ok());
		return report.ok() ? std::move(*report) : Report();
	}
	static Cell at(const Report &report, const char *table, std::size_t row, const char *key)
	{
		const Table *found = report.table(table);
		const int column = found ? found->column(key) : -1;
		if (column < 0 || row >= found->rows.size()) {
			ADD_FAILURE() << table << " has no " << key << " in row " << row;
			return {};
		}
		return found->rows[row][static_cast<std::size_t>(column)];
	}
	static Cell total(const Report &report, std::string_view key)
	{
		for (const SummaryEntry &entry : report.totals)
			if (entry.metric.key == key)
				return entry.value;
		ADD_FAILURE() << "no total " << key;
		return {};
	}
	static std::string said(const Report &report, std::string_view code)
	{
		for (const QualityItem &item : report.quality)
			if (item.code == code)
				return item.text;
		return "";
	}
	static double real(const Cell &cell) { return std::get<double>(cell); }

	test::TemporaryFolder folder_;
	std::vector<std::string> paths_;
};

TEST_F(RanksTest, FiguresOfEachRankAndTheirSums)
{
	write("one", {.rank = 1}, {.solve_us = 300, .spikes = 7});
	write("zero", {.rank = 0}, {.solve_us = 100, .spikes = 5});
	const Report report = merged();
	EXPECT_EQ(at(report, "ranks", 0, "rank"), Cell(uint64_t{0})) << "by rank, however they are named";
	EXPECT_EQ(at(report, "ranks", 0, "recording"), Cell(paths_[1]));
	EXPECT_EQ(at(report, "ranks", 0, "inferences"), Cell(uint64_t{10}));
	EXPECT_EQ(at(report, "ranks", 0, "inference_ns"), Cell(uint64_t{9'000'000}));
	EXPECT_EQ(at(report, "ranks", 0, "compute_ns"), Cell(uint64_t{1'000'000}));
	EXPECT_EQ(at(report, "ranks", 0, "exchange_ns"), Cell(uint64_t{8'000'000}));
	EXPECT_EQ(at(report, "ranks", 1, "compute_ns"), Cell(uint64_t{3'000'000}));
	EXPECT_EQ(at(report, "ranks", 1, "exchange_ns"), Cell(uint64_t{6'000'000}));
	EXPECT_EQ(at(report, "ranks", 1, "spikes"), Cell(uint64_t{7}));
	EXPECT_EQ(at(report, "ranks", 0, "cpu_ns"), Cell()) << "not recorded";
	EXPECT_EQ(total(report, "spikes"), Cell(uint64_t{12}));
	EXPECT_EQ(total(report, "exchange_ns"), Cell(uint64_t{14'000'000}));
	EXPECT_EQ(total(report, "layer_calls"), Cell(uint64_t{40}));
	EXPECT_EQ(total(report, "slowest_rank"), Cell(uint64_t{1}));
	EXPECT_DOUBLE_EQ(real(total(report, "imbalance")), 0.5) << "3 ms / 2 ms - 1";
	EXPECT_EQ(said(report, "ranks_not_told"), "");
	EXPECT_EQ(said(report, "ranks_missing"), "");
	EXPECT_EQ(said(report, "absent_exchange"), "");
}

TEST_F(RanksTest, LayersAreAddedUpAndComparedOverTheRanks)
{
	write("0", {.rank = 0}, {.solve_us = 100});
	write("1", {.rank = 1}, {.solve_us = 200});
	write("2", {.rank = 2}, {.solve_us = 600});
	const Report report = merged();
	EXPECT_EQ(at(report, "layers", 0, "name"), Cell(std::string("exchange (all)")));
	EXPECT_EQ(at(report, "layers", 1, "name"), Cell(std::string("solve")));
	EXPECT_EQ(at(report, "layers", 1, "calls"), Cell(uint64_t{30}));
	EXPECT_EQ(at(report, "layers", 1, "total_ns"), Cell(uint64_t{9'000'000}));
	EXPECT_EQ(at(report, "layers", 1, "min_ns"), Cell(uint64_t{100'000}));
	EXPECT_EQ(at(report, "layers", 1, "max_ns"), Cell(uint64_t{600'000}));
	EXPECT_NEAR(static_cast<double>(std::get<uint64_t>(at(report, "layers", 1, "p50_ns"))), 200'000, 2000);
	EXPECT_EQ(at(report, "rank_layers", 1, "name"), Cell(std::string("solve")));
	EXPECT_EQ(at(report, "rank_layers", 1, "calls"), Cell(uint64_t{30}));
	EXPECT_EQ(at(report, "rank_layers", 1, "ranks"), Cell(uint64_t{3}));
	EXPECT_DOUBLE_EQ(real(at(report, "rank_layers", 1, "self_mean_ns")), 3'000'000);
	EXPECT_EQ(at(report, "rank_layers", 1, "self_min_ns"), Cell(uint64_t{1'000'000}));
	EXPECT_EQ(at(report, "rank_layers", 1, "min_rank"), Cell(uint64_t{0}));
	EXPECT_EQ(at(report, "rank_layers", 1, "self_max_ns"), Cell(uint64_t{6'000'000}));
	EXPECT_EQ(at(report, "rank_layers", 1, "slowest_rank"), Cell(uint64_t{2}));
	EXPECT_DOUBLE_EQ(real(at(report, "rank_layers", 1, "imbalance")), 1.0);
	EXPECT_EQ(at(report, "rank_layers", 0, "slowest_rank"), Cell(uint64_t{0}))
		<< "who computes least waits longest";
	EXPECT_EQ(at(report, "inferences", 0, "calls"), Cell(uint64_t{30}));
}

TEST_F(RanksTest, ARankWithoutALayerHasSpentNoTimeInIt)
{
	write("0", {.rank = 0}, {.solve_us = 400});
	write("1", {.rank = 1}, {.solve_us = 400, .solve = "stage 2"});
	const Report report = merged();
	for (const std::size_t row : {1u, 2u}) {
		EXPECT_EQ(at(report, "rank_layers", row, "ranks"), Cell(uint64_t{1}));
		EXPECT_EQ(at(report, "rank_layers", row, "self_min_ns"), Cell(uint64_t{0}));
		EXPECT_DOUBLE_EQ(real(at(report, "rank_layers", row, "imbalance")), 1.0);
	}
	EXPECT_DOUBLE_EQ(real(total(report, "imbalance")), 0.0);
}

TEST_F(RanksTest, OneBootIsOneClock)
{
	write("0", {.host = "a", .boot_id = "x", .rank = 0}, {});
	write("1", {.host = "b", .boot_id = "x", .rank = 1}, {.begin_ns = 1'000'250'000});
	const Report report = merged();
	EXPECT_DOUBLE_EQ(real(at(report, "ranks", 1, "clock_offset_ns")), 0);
	EXPECT_DOUBLE_EQ(real(at(report, "ranks", 1, "clock_error_ns")), 0);
	EXPECT_EQ(said(report, "clock_aligned") + said(report, "clock_not_aligned"), "");
}

TEST_F(RanksTest, ClocksOfHostsAreComparedByTheEndsOfExchange)
{
	write("0", {.host = "a", .boot_id = "x", .rank = 0}, {});
	write("1", {.host = "a", .boot_id = "y", .rank = 1},
	      {.clock_ahead_ns = -700'000'000, .late_us = 20, .steps = 11});
	write("2", {.host = "a", .boot_id = "y", .rank = 2}, {.clock_ahead_ns = -700'000'000, .exchange = false});
	const Report report = merged();
	EXPECT_DOUBLE_EQ(real(at(report, "ranks", 1, "clock_offset_ns")), -699'990'000) << "half of them 20 us late";
	EXPECT_DOUBLE_EQ(real(at(report, "ranks", 1, "clock_error_ns")), 10'000);
	EXPECT_EQ(at(report, "ranks", 2, "clock_offset_ns"), at(report, "ranks", 1, "clock_offset_ns"));
	EXPECT_THAT(said(report, "clock_aligned"), HasSubstr("699.990 ms behind the first rank's, +- 10.0 us"));
	EXPECT_THAT(said(report, "collective_counts"), HasSubstr("ranks 0 and 1 saw 10 and 11"));
	EXPECT_EQ(said(report, "ranks_apart"), "");
}

TEST_F(RanksTest, WithoutCollectiveCallsClocksAreNotCompared)
{
	write("0", {.host = "a", .rank = 0}, {});
	write("1", {.host = "b", .rank = 1}, {.exchange = false});
	Report report = merged();
	EXPECT_EQ(at(report, "ranks", 1, "clock_offset_ns"), Cell());
	EXPECT_EQ(at(report, "ranks", 1, "begin_ns"), Cell());
	EXPECT_EQ(at(report, "ranks", 1, "exchange_ns"), Cell());
	EXPECT_THAT(said(report, "clock_not_aligned"), HasSubstr("clock of b: n/a (no collective calls seen)"));
	paths_.pop_back();
	write("2", {.host = "b", .rank = 1}, {.steps = 2});
	EXPECT_THAT(said(merged(), "clock_not_aligned"), HasSubstr("n/a (too few collective calls seen)"));
}

TEST_F(RanksTest, OfAnUnknownHostNothingIsAssumed)
{
	write("0", {.host = "", .rank = 0}, {.exchange = false});
	write("1", {.host = "", .rank = 1}, {.exchange = false});
	const Report report = merged();
	EXPECT_NE(said(report, "clock_not_aligned"), "");
	EXPECT_NE(said(report, "absent_exchange"), "");
	EXPECT_EQ(total(report, "exchange_ns"), Cell());
}

TEST_F(RanksTest, ExchangeWhoseEndNobodySawHasNoTime)
{
	for (const int rank : {0, 1}) {
		const std::string path = folder_.file(std::to_string(rank));
		RecordingBuilder recording(path, {.rank = rank});
		recording.define_layer(1, "MPI_Barrier", "operator").begin(100, 1, 10).unseen_end(100, 1, 20).finish();
		paths_.push_back(path);
	}
	const Report report = merged();
	EXPECT_EQ(at(report, "ranks", 0, "exchange_ns"), Cell());
	EXPECT_EQ(said(report, "absent_exchange"), "exchange: n/a (no end of 2 calls was seen)");
	EXPECT_EQ(total(report, "imbalance"), Cell());
	EXPECT_EQ(total(report, "slowest_rank"), Cell());
}

TEST_F(RanksTest, RanksThatAreNotToldAreNumberedAsNamed)
{
	write("b", {}, {.solve_us = 100});
	write("a", {}, {.solve_us = 200});
	const Report report = merged();
	EXPECT_EQ(at(report, "ranks", 1, "recording"), Cell(paths_[1]));
	EXPECT_EQ(at(report, "ranks", 1, "rank"), Cell(uint64_t{1}));
	EXPECT_NE(said(report, "ranks_not_told"), "");
}

TEST_F(RanksTest, WhatDoesNotBelongTogetherIsSaid)
{
	write("1", {.rank = 1}, {});
	write("4", {.rank = 4}, {.begin_ns = 500'000'000'000});
	const Report report = merged();
	EXPECT_THAT(said(report, "ranks_missing"), HasSubstr("ranks 0, 2, 3"));
	EXPECT_THAT(said(report, "ranks_apart"), HasSubstr("ranks 1 and 4 did not run at the same time"));
}

TEST_F(RanksTest, WhatTwoOfOneHostRecordedIsCountedTwice)
{
	write("0", {.host = "a", .rank = 0, .target = "every process"}, {});
	write("1", {.host = "b", .rank = 1, .target = "every process"}, {});
	write("2", {.host = "b", .rank = 2}, {});
	EXPECT_EQ(said(merged(), "recorded_twice"), "");
	write("3", {.host = "b", .rank = 3, .target = "every process"}, {});
	EXPECT_THAT(said(merged(), "recorded_twice"), HasSubstr("ranks 1 and 3 recorded the same on one host"));
}

TEST_F(RanksTest, SamplesOfOtherFrequenciesWeighOtherwise)
{
	write("0", {.rank = 0}, {});
	write("1", {.rank = 1}, {});
	EXPECT_EQ(said(merged(), "frequencies_differ"), "");
	write("2", {.rank = 2, .frequency_hz = 249}, {});
	EXPECT_THAT(said(merged(), "frequencies_differ"), HasSubstr("ranks were sampled at 249 to 999 Hz"));
}

TEST_F(RanksTest, RecordingsThatCannotBeRead)
{
	paths_ = {folder_.file("none"), folder_.file("none either")};
	EXPECT_FALSE(make_ranks_report(paths_, {}).ok());
	write("0", {.rank = 0}, {});
	paths_ = {paths_.back(), "-"};
	const auto report = make_ranks_report(paths_, {});
	ASSERT_FALSE(report.ok());
	EXPECT_EQ(report.error().code, ErrorCode::usage);
	write("1", {.rank = 1}, {});
	paths_ = {paths_.back(), folder_.path() + "/./" + paths_.back().substr(folder_.path().size() + 1)};
	const auto twice = make_ranks_report(paths_, {});
	ASSERT_FALSE(twice.ok());
	EXPECT_THAT(twice.error().what, HasSubstr("named twice"));
}

TEST_F(RanksTest, TablesAreOrderedByAColumnOfTheirs)
{
	write("0", {.rank = 0}, {.solve_us = 100});
	write("1", {.rank = 1}, {.solve_us = 600});
	ReportOptions options;
	options.sort = "imbalance";
	EXPECT_EQ(at(merged(options), "rank_layers", 0, "name"), Cell(std::string("solve")));
	options.sort = "no such";
	EXPECT_FALSE(make_ranks_report(paths_, options).ok());
}

TEST_F(RanksTest, FunctionsOfAllRanks)
{
	for (const int rank : {0, 1}) {
		const std::string path = folder_.file(std::to_string(rank));
		RecordingBuilder recording(path, {.rank = rank});
		recording.comm(100, 100, 1, "app", true).define_layer(1, "conv").begin(100, 1, 10);
		for (int i = 0; i <= 2 * rank; i++)
			recording.sample(100, 100, 20 + static_cast<uint64_t>(i), 0x1000);
		recording.end(100, 1, 100).sample(100, 100, 200, 0x1000).finish();
		paths_.push_back(path);
	}
	const Report report = merged();
	EXPECT_EQ(total(report, "samples"), Cell(uint64_t{6}));
	ASSERT_EQ(report.table("functions")->rows.size(), 1u);
	EXPECT_EQ(at(report, "functions", 0, "self_samples"), Cell(uint64_t{6}));
	EXPECT_DOUBLE_EQ(real(at(report, "functions", 0, "self_share")), 1.0);
	EXPECT_EQ(at(report, "layer_functions", 0, "self_samples"), Cell(uint64_t{4}));
	EXPECT_DOUBLE_EQ(real(at(report, "layer_functions", 0, "layer_share")), 1.0);
	ASSERT_EQ(report.table("threads")->rows.size(), 2u);
	EXPECT_EQ(at(report, "threads", 0, "rank"), Cell(uint64_t{1})) << "more samples";
	EXPECT_EQ(at(report, "threads", 0, "name"), Cell(std::string("app")));
}

TEST_F(RanksTest, AsJsonItFitsTheSchemaAndIsReadAgain)
{
	write("0", {.host = "a", .rank = 0}, {.spikes = 5});
	write("1", {.host = "b", .rank = 1}, {.clock_ahead_ns = -5000});
	write("2", {.host = "c", .rank = 2}, {.exchange = false});
	const std::string text = render_json(merged());
	const auto json = nlohmann::json::parse(text);
	EXPECT_TRUE(test::fits_schema(json));
	EXPECT_EQ(json["ranks"].size(), 3u);
	EXPECT_EQ(json["ranks"][1]["clock_offset_ns"], -5000.0);
	EXPECT_TRUE(json["ranks"][2]["clock_offset_ns"].is_null());
	EXPECT_EQ(json["rank_layers"][0]["slowest_rank"], 0);
	EXPECT_TRUE(read_json_report(text).ok()) << "for the gate";
	auto bad = json;
	bad["ranks"][0].erase("exchange_ns");
	EXPECT_FALSE(test::fits_schema(bad));
	bad = json;
	bad["rank_layers"][0].erase("imbalance");
	EXPECT_FALSE(test::fits_schema(bad));
}

TEST_F(RanksTest, FitsTheTerminal)
{
	write("0", {.rank = 0}, {.solve_us = 100, .spikes = 5});
	write("1", {.rank = 1}, {.solve_us = 300, .spikes = 7});
	const Report report = merged();
	for (const unsigned width : {80u, 200u}) {
		const std::string text = viewer::render_terminal(report, {.width = width});
		std::istringstream lines(text);
		for (std::string line; std::getline(lines, line);)
			EXPECT_LE(line.size(), width) << line;
		EXPECT_THAT(text, HasSubstr("\nRanks\n"));
		EXPECT_THAT(text, HasSubstr("slowest  imbalance"));
		EXPECT_THAT(text, HasSubstr("exchange"));
	}
	const std::string wide = viewer::render_terminal(report, {.width = 200});
	EXPECT_THAT(wide, HasSubstr("clock error"));
	EXPECT_THAT(wide, HasSubstr("fastest"));
}

} // namespace
} // namespace neuroperf::analyzer
