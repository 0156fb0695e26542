// SPDX-License-Identifier: Apache-2.0
#include "collector/value_expression.hpp"

#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

TEST(ValueExpression, AnArgumentIsReadByNothing)
{
	const auto read = parse_value("arg3");
	ASSERT_TRUE(read.ok());
	EXPECT_EQ(read->from, NP_READ_ARGUMENT_3);
	EXPECT_EQ(read->steps, 0);
	EXPECT_EQ(read->add, 0);
}

TEST(ValueExpression, PointersAreFollowedFromTheInsideOut)
{
	const auto read = parse_value(" *( *(arg2 + 8) + 0x10 ) - 4");
	ASSERT_TRUE(read.ok());
	EXPECT_EQ(read->from, NP_READ_ARGUMENT_2);
	ASSERT_EQ(read->steps, 2);
	EXPECT_EQ(read->offsets[0], 8);
	EXPECT_EQ(read->offsets[1], 16);
	EXPECT_EQ(read->last_size, 8);
	EXPECT_EQ(read->add, -4);
}

TEST(ValueExpression, TheLastReadMayBeSmaller)
{
	const auto read = parse_value("u32(*(arg1)+48)");
	ASSERT_TRUE(read.ok());
	EXPECT_EQ(read->steps, 2);
	EXPECT_EQ(read->last_size, 4);
	EXPECT_FALSE(parse_value("*(u32(arg1))").ok());
}

TEST(ValueExpression, AConstant)
{
	const auto read = parse_value("1");
	ASSERT_TRUE(read.ok());
	EXPECT_EQ(read->from, NP_READ_CONSTANT);
	EXPECT_EQ(read->add, 1);
}

TEST(ValueExpression, StringsSayWhatKindTheyAre)
{
	const auto c_string = parse_string("c_string(arg1+256)"), std_string = parse_string("std_string(*(arg1)+8)");
	ASSERT_TRUE(c_string.ok());
	ASSERT_TRUE(std_string.ok());
	EXPECT_EQ(c_string->as, NP_AS_C_STRING);
	EXPECT_EQ(c_string->add, 256);
	EXPECT_EQ(std_string->as, NP_AS_STD_STRING);
	EXPECT_EQ(std_string->steps, 1);
	EXPECT_EQ(std_string->add, 8);
	EXPECT_FALSE(parse_string("arg1").ok());
	EXPECT_FALSE(parse_value("c_string(arg1)").ok());
}

TEST(ValueExpression, MistakesHaveAColumn)
{
	for (const char *wrong :
	     {"", "arg", "arg0", "arg7", "arg1+", "arg1+-8", "*arg1", "*(arg1", "*(arg1))", "arg1 arg2", "u24(arg1)",
	      "*(4096)", "*(arg1+0x80000000)", "99999999999999999999", "*(*(*(*(*(*(*(arg1)))))))", "arg1+0x"}) {
		const auto read = parse_value(wrong);
		ASSERT_FALSE(read.ok()) << wrong;
		EXPECT_NE(read.error().what.find("column"), std::string::npos) << read.error().what;
	}
	EXPECT_FALSE(parse_value(std::string(100'000, '(')).ok());
	std::string deep = "arg1";
	for (int i = 0; i < 10'000; i++)
		deep = "*(" + deep + ")";
	EXPECT_FALSE(parse_value(deep).ok());
}

} // namespace
} // namespace neuroperf::collector
