// SPDX-License-Identifier: Apache-2.0
#include "collector/word_filter.hpp"

#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

TEST(WordFilter, APatternIsHeldAgainstTheWholeNameAWordAgainstAPart)
{
	EXPECT_TRUE(WordFilter("sched").takes("sched:sched_switch"));
	EXPECT_TRUE(WordFilter("switch").takes("sched:sched_switch"));
	EXPECT_TRUE(WordFilter("sched:*").takes("sched:sched_switch"));
	EXPECT_FALSE(WordFilter("switch*").takes("sched:sched_switch"));
	EXPECT_TRUE(WordFilter("*[st]witch").takes("sched:sched_switch"));
	EXPECT_TRUE(WordFilter("cycle?").takes("cycles"));
	EXPECT_FALSE(WordFilter("cycle?").takes("ref-cycles"));
	EXPECT_TRUE(WordFilter("*").takes("cpu/mem-loads/")) << "a slash is a character like any other";
}

TEST(WordFilter, CaseDoesNotMatter)
{
	EXPECT_TRUE(WordFilter("llc").takes("LLC-loads"));
	EXPECT_TRUE(WordFilter("LLC-*").takes("llc-loads"));
	EXPECT_TRUE(WordFilter("inst_retired").takes("skx::INST_RETIRED:ANY"));
}

TEST(WordFilter, NothingAskedIsEverything)
{
	EXPECT_TRUE(WordFilter("").is_empty());
	EXPECT_TRUE(WordFilter("").takes("anything"));
	EXPECT_FALSE(WordFilter("x").is_empty());
	EXPECT_TRUE(WordFilter("y").takes_any({"x", "y"}));
	EXPECT_FALSE(WordFilter("z").takes_any({"x", "y"}));
	EXPECT_FALSE(WordFilter("z").takes_any({}));
}

} // namespace
} // namespace neuroperf::collector
