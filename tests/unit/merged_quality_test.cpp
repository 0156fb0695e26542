// SPDX-License-Identifier: Apache-2.0
#include "analyzer/merged_quality.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

using testing::ElementsAre;

std::vector<std::string> texts(const MergedQuality &quality, std::size_t ranks)
{
	std::vector<std::string> texts;
	for (const QualityItem &item : quality.items(ranks))
		texts.push_back(item.text);
	return texts;
}

QualityItem item(Severity severity, const char *code, const char *text, Cell value = {})
{
	return {severity, code, text, "", std::move(value)};
}

TEST(MergedQuality, SaysOnceWhatAllSay)
{
	MergedQuality quality;
	for (const uint64_t rank : {0, 1, 2})
		quality.add(rank, {item(Severity::info, "a", "all say this")});
	quality.add(3, {item(Severity::data_loss, "lost_events", "9 events were lost", uint64_t{9})});
	EXPECT_THAT(texts(quality, 4), ElementsAre("rank 3: 9 events were lost", "ranks 0-2: all say this"));
	EXPECT_THAT(texts(quality, 3)[1], "all say this");
	for (const uint64_t rank : {0, 1, 2})
		quality.add(rank, {item(Severity::info, "b", "3 of 4 have none")});
	EXPECT_THAT(texts(quality, 3)[2], "each rank: 3 of 4 have none");
}

TEST(MergedQuality, OfSentencesThatDifferInNumbersTheWorst)
{
	MergedQuality quality;
	quality.add(0, {item(Severity::info, "cpu", "used 3.0 % in 12 ms", uint64_t{12})});
	quality.add(1, {item(Severity::info, "cpu", "used 11.25 % in 40 ms", uint64_t{40})});
	quality.add(5, {item(Severity::info, "cpu", "used 1 % in 4 ms", uint64_t{4})});
	quality.add(5, {item(Severity::info, "cpu", "used nothing")});
	quality.add(0, {item(Severity::info, "held", "2 threads")});
	quality.add(1, {item(Severity::info, "held", "1 threads")});
	EXPECT_THAT(texts(quality, 6), ElementsAre("rank 1: used 11.25 % in 40 ms (the most of ranks 0, 1, 5)",
						   "rank 5: used nothing", "rank 0: 2 threads (alike on ranks 0, 1)"));
	EXPECT_EQ(quality.items(6)[0].value, Cell(uint64_t{40}));
}

TEST(MergedQuality, SameWordsOfAnotherSeverityStayApart)
{
	MergedQuality quality;
	quality.add(0, {item(Severity::info, "x", "1 % without symbols", uint64_t{1})});
	quality.add(1, {item(Severity::warning, "x", "30 % without symbols", uint64_t{30})});
	EXPECT_THAT(texts(quality, 2), ElementsAre("rank 1: 30 % without symbols", "rank 0: 1 % without symbols"));
}

TEST(RanksText, JoinsNeighbours)
{
	EXPECT_EQ(ranks_text({3}), "3");
	EXPECT_EQ(ranks_text({0, 1}), "0, 1");
	EXPECT_EQ(ranks_text({0, 1, 2, 5, 7, 8, 9}), "0-2, 5, 7-9");
	EXPECT_EQ(ranks_text({}), "");
}

} // namespace
} // namespace neuroperf::analyzer
