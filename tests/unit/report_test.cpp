// SPDX-License-Identifier: Apache-2.0
#include "report_samples.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "analyzer/utf8.hpp"

namespace neuroperf::test {
namespace {

TEST(Report, ShowsAllRowsWhenThereAreNotMoreThanAsked)
{
	const Table table = *sample_report().table("layers");
	EXPECT_EQ(table.top(2).rows.size(), 2u);
	EXPECT_EQ(table.top(100).rows.size(), 2u);
	EXPECT_EQ(table.top(0).rows.size(), 2u);
}

TEST(Report, SumsTheRestInOneRow)
{
	Table table = *sample_report().table("layers");
	table.columns[static_cast<std::size_t>(table.column("p50_ns"))].additive = false;
	for (uint64_t i = 0; i < 8; i++)
		table.rows.push_back(layer("more", 10));
	const Table top = table.top(2);
	ASSERT_EQ(top.rows.size(), 3u);
	const std::vector<Cell> &others = top.rows[2];
	ASSERT_EQ(others.size(), table.columns.size());
	EXPECT_EQ(std::get<std::string>(others[0]), "others (8)");
	EXPECT_TRUE(is_absent(others[1])); // text
	EXPECT_EQ(std::get<uint64_t>(others[2]), 800u);
	EXPECT_TRUE(is_absent(others[6]));  // not additive
	EXPECT_TRUE(is_absent(others[12])); // additive, and absent in every row
	const auto &sum = std::get<EnergyEstimate>(others[13]);
	EXPECT_DOUBLE_EQ(sum.pj, 400);
	EXPECT_DOUBLE_EQ(sum.low_pj, 100);
	EXPECT_DOUBLE_EQ(sum.high_pj, 800);
	ASSERT_EQ(sum.terms.size(), 1u);
	EXPECT_EQ(sum.terms[0].count, 8000u);
}

TEST(Report, ASumDoesNotWrapAround)
{
	Table table{"t", "T", {metric("name", ""), metric("n", "count")}, {}};
	const uint64_t most = std::numeric_limits<uint64_t>::max();
	table.rows = {{std::string("a"), uint64_t{1}}, {std::string("b"), most}, {std::string("c"), uint64_t{5}}};
	EXPECT_EQ(std::get<uint64_t>(table.top(1).rows[1][1]), most);
}

TEST(Report, SumsOfMixedAndShortRows)
{
	Table table{"t", "T", {metric("name", ""), metric("n", "count")}, {}};
	table.rows = {{std::string("a")}, {std::string("b"), uint64_t{2}}, {}, {std::string("c"), 0.5}};
	EXPECT_DOUBLE_EQ(std::get<double>(table.top(1).rows[1][1]), 2.5);
	EXPECT_EQ(Table{}.top(3).rows.size(), 0u);
}

TEST(Report, FindsTablesAndColumns)
{
	const Report report = sample_report();
	ASSERT_NE(report.table("functions"), nullptr);
	EXPECT_EQ(report.table("nothing"), nullptr);
	EXPECT_EQ(report.table("functions")->column("self_samples"), 2);
	EXPECT_EQ(report.table("functions")->column("nothing"), -1);
}

TEST(Report, IsLossyByDataLossOnly)
{
	Report report = sample_report();
	EXPECT_FALSE(report.lossy());
	report.quality.push_back({Severity::data_loss, "lost_events", "5 events were lost.", "", uint64_t{5}});
	EXPECT_TRUE(report.lossy());
}

TEST(Utf8, RefusesWhatIsNotUtf8ByteByByte)
{
	EXPECT_EQ(to_valid_utf8("aé名😀"), "aé名😀");
	EXPECT_EQ(to_valid_utf8("\xff"), "\ufffd");
	EXPECT_EQ(to_valid_utf8("\xc0\xaf"), "\ufffd\ufffd");           // overlong
	EXPECT_EQ(to_valid_utf8("\xed\xa0\x80"), "\ufffd\ufffd\ufffd"); // surrogate
	EXPECT_EQ(to_valid_utf8("\xe5\x90"), "\ufffd\ufffd");           // cut short
	EXPECT_EQ(to_valid_utf8("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");
	EXPECT_EQ(to_valid_utf8("\xe5z"), "\ufffdz");
}

} // namespace
} // namespace neuroperf::test
