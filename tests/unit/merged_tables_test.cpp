// SPDX-License-Identifier: Apache-2.0
#include "analyzer/merged_tables.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

Metric column(const char *key, const char *unit)
{
	return {key, key, unit, Better::lower, Provenance::measured, false, false};
}

Cell n(uint64_t value)
{
	return value;
}

Table functions(std::vector<std::vector<Cell>> rows)
{
	return {"functions",
		"Functions",
		{column("symbol", ""), column("module", ""), column("self_samples", "count"),
		 column("self_share", "share")},
		std::move(rows)};
}

TEST(MergedSamples, AddsRowsOfTheSameNamesAndComputesSharesAnew)
{
	const std::string f = "f", g = "g", a = "a.so", b = "b.so";
	MergedSamples samples;
	samples.add(functions({{f, a, n(6), 0.6}, {g, a, n(4), 0.4}}));
	samples.add(functions({{g, a, n(9), 0.9}, {f, b, n(1), 0.1}}));
	const std::vector<Table> tables = samples.tables(20);
	ASSERT_EQ(tables.size(), 1u);
	const std::vector<std::vector<Cell>> expected = {{g, a, n(13), 0.65}, {f, a, n(6), 0.3}, {f, b, n(1), 0.05}};
	EXPECT_EQ(tables[0].rows, expected);
	EXPECT_EQ(tables[0].title, "Functions");
	EXPECT_EQ(samples.tables(0)[0].rows[0][3], Cell()) << "no share of nothing";
}

TEST(MergedSamples, SharesOfLayersAreOfTheirLayer)
{
	Table table = functions({});
	table.id = "layer_functions";
	table.columns[0] = column("layer", "");
	table.rows = {{std::string("x"), std::string("f"), n(1), 1.0}, {std::string("y"), std::string("f"), n(8), 1.0}};
	MergedSamples samples;
	samples.add(table);
	table.rows = {{std::string("x"), std::string("g"), n(3), 1.0}};
	samples.add(table);
	const Table merged = samples.tables(100)[0];
	EXPECT_EQ(merged.rows[0][3], Cell(1.0)); // y f
	EXPECT_EQ(merged.rows[1][3], Cell(0.75));
	EXPECT_EQ(merged.rows[2][3], Cell(0.25));
}

TEST(AppendedRows, SayWhoseTheyAre)
{
	Table all;
	const Table plain{
		"threads", "Threads", {column("name", ""), column("samples", "count")}, {{std::string("t"), n(3)}}};
	Table timed = plain;
	timed.columns.push_back(column("on_cpu_ns", "ns"));
	timed.rows = {{std::string("u"), n(4), n(1000)}};
	append_rows(plain, 7, &all);
	append_rows(timed, 8, &all);
	append_rows(plain, 9, &all);
	ASSERT_EQ(all.columns.size(), 4u);
	EXPECT_EQ(all.columns[0].key, "name");
	EXPECT_EQ(all.columns[1].key, "rank");
	const std::vector<std::vector<Cell>> expected = {{std::string("t"), n(7), n(3), Cell()},
							 {std::string("u"), n(8), n(4), n(1000)},
							 {std::string("t"), n(9), n(3), Cell()}};
	EXPECT_EQ(all.rows, expected);
}

TEST(MergedMeta, OneOfEach)
{
	const auto meta = [](const char *host, uint64_t duration, uint64_t frequency, const char *at) {
		return Summary{{column("host", ""), std::string(host)},
			       {column("program", ""), std::string("./net")},
			       {column("duration_ns", "ns"), duration},
			       {column("frequency_hz", "1/s"), frequency},
			       {column("recorded_at", ""), std::string(at)}};
	};
	std::vector<Summary> metas = {meta("b", 10, 999, "2026-02-01"), meta("a", 30, 999, "2026-01-01"),
				      meta("b", 20, 999, "2026-03-01")};
	Summary merged = merged_meta(metas);
	ASSERT_EQ(merged.size(), 5u);
	EXPECT_EQ(merged[0].value, Cell(std::string("b, a")));
	EXPECT_EQ(merged[1].value, Cell(std::string("./net")));
	EXPECT_EQ(merged[2].value, n(30));
	EXPECT_EQ(merged[3].value, n(999));
	EXPECT_EQ(merged[4].value, Cell(std::string("2026-01-01")));
	for (const char *host : {"c", "d", "e", "f"})
		metas.push_back(meta(host, 1, 99, ""));
	merged = merged_meta(metas);
	EXPECT_EQ(merged[0].value, Cell(std::string("b, a, c, d and 2 more")));
	EXPECT_EQ(merged[3].value, Cell()) << "99 or 999";
}

} // namespace
} // namespace neuroperf::analyzer
