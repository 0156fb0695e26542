// SPDX-License-Identifier: Apache-2.0
#include "collector/value_expression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>

namespace neuroperf::collector {
namespace {

using testing::HasSubstr;

// Symbols of a file; a number stands where the address does.
class File {
public:
	explicit File(std::map<std::string, int64_t> symbols) : symbols_(std::move(symbols)) {}
	std::optional<int64_t> operator()(const FileReference &reference) const
	{
		const auto found = symbols_.find(reference.symbol);
		return found == symbols_.end() ? std::nullopt : std::optional(found->second);
	}

private:
	std::map<std::string, int64_t> symbols_;
};

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
	for (const char *wrong : {"",
				  "arg",
				  "arg0",
				  "arg7",
				  "arg1+",
				  "arg1+-8",
				  "*arg1",
				  "*(arg1",
				  "*(arg1))",
				  "arg1 arg2",
				  "u24(arg1)",
				  "*(4096)",
				  "*(arg1+0x80000000)",
				  "99999999999999999999",
				  "*(*(*(*(*(*(*(arg1)))))))",
				  "arg1+0x",
				  "data()",
				  "data(\"\")",
				  "data(\"a)",
				  "data(a)",
				  "data(\"a\"",
				  "file_u32(\"n\")",
				  "arg1+4*arg2",
				  "arg1+4*",
				  "arg1+file_u32(\"n\"",
				  "results"}) {
		const auto read = parse_value(wrong);
		ASSERT_FALSE(read.ok()) << wrong;
		EXPECT_NE(read.error().what.find("column"), std::string::npos) << read.error().what;
	}
	EXPECT_FALSE(parse_value(std::string(100'000, '(')).ok());
	std::string deep = "arg1";
	for (int i = 0; i < 10'000; i++)
		deep = "*(" + deep + ")";
	EXPECT_FALSE(parse_value(deep).ok());
	std::string many = "arg1";
	for (int i = 0; i < 8; i++)
		many += "+file_u32(\"n\")";
	EXPECT_TRUE(parse_value(many).ok());
	const auto too_many = parse_value(many + "+file_u32(\"n\")");
	ASSERT_FALSE(too_many.ok());
	EXPECT_THAT(too_many.error().what, HasSubstr("more than 8 symbols"));
}

TEST(ValueExpression, TheResultIsReadLikeAnArgument)
{
	const auto read = parse_value("u32(result+8)");
	ASSERT_TRUE(read.ok()) << read.error().what;
	EXPECT_EQ(read->from, NP_READ_RESULT);
	ASSERT_EQ(read->steps, 1);
	EXPECT_EQ(read->offsets[0], 8);
	EXPECT_EQ(read->last_size, 4);
}

TEST(ValueExpression, AnElementLiesWhereTheFileSays)
{
	const auto read = parse_value("u32(*(element+8))");
	ASSERT_TRUE(read.ok()) << read.error().what;
	EXPECT_TRUE(read->uses_element());
	EXPECT_EQ(read->from, NP_READ_FILE);
	const auto resolved = resolve(*read, [](const FileReference &reference) {
		EXPECT_EQ(reference.what, FileReference::What::element);
		return std::optional<int64_t>(0x4000);
	});
	ASSERT_TRUE(resolved.ok());
	ASSERT_EQ(resolved->steps, 2);
	EXPECT_EQ(resolved->offsets[0], 0x4008);
	EXPECT_FALSE(parse_value("data(\"element\")")->uses_element());
}

TEST(ValueExpression, SymbolsOfTheFileAreAddedWhereTheyStand)
{
	const auto read =
		parse_value("u32(*(data(\"spikes\")+16) + 4*file_u32(\"size\") - 4) - file_u32(\"first\") + 7");
	ASSERT_TRUE(read.ok()) << read.error().what;
	EXPECT_EQ(read->from, NP_READ_FILE);
	ASSERT_EQ(read->references.size(), 3u);
	EXPECT_EQ(read->references[0].what, FileReference::What::address);
	EXPECT_EQ(read->references[1].what, FileReference::What::number);
	EXPECT_EQ(read->references[1].symbol, "size");
	EXPECT_EQ(read->references[1].times, 4);
	EXPECT_EQ(read->references[2].times, -1);
	const auto resolved = resolve(*read, File({{"spikes", 0x5000}, {"size", 130}, {"first", 3}}));
	ASSERT_TRUE(resolved.ok()) << resolved.error().what;
	ASSERT_EQ(resolved->steps, 2);
	EXPECT_EQ(resolved->offsets[0], 0x5010);
	EXPECT_EQ(resolved->offsets[1], 4 * 130 - 4);
	EXPECT_EQ(resolved->add, 7 - 3);
	EXPECT_EQ(resolved->last_size, 4);
}

TEST(ValueExpression, WithoutSymbolsNothingIsAsked)
{
	const auto read = parse_value("*(arg1+8)-4");
	ASSERT_TRUE(read.ok());
	const auto resolved = resolve(*read, [](const FileReference &) -> std::optional<int64_t> {
		ADD_FAILURE() << "there is nothing to ask";
		return std::nullopt;
	});
	ASSERT_TRUE(resolved.ok());
	EXPECT_EQ(resolved->offsets[0], 8);
	EXPECT_EQ(resolved->add, -4);
}

TEST(ValueExpression, ASymbolThatTheFileHasNotIsNamed)
{
	const auto read = parse_value("*(data(\"spikes\"))");
	ASSERT_TRUE(read.ok());
	const auto resolved = resolve(*read, File({}));
	ASSERT_FALSE(resolved.ok());
	EXPECT_EQ(resolved.error().code, ErrorCode::not_found);
	EXPECT_THAT(resolved.error().what, HasSubstr("no spikes in the file"));
}

TEST(ValueExpression, NumbersOfTheFileThatDoNotFitAreRefused)
{
	constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
	constexpr int64_t kMostOffset = std::numeric_limits<int32_t>::max();
	const auto resolved = [](const char *text, int64_t number) {
		const auto read = parse_value(text);
		EXPECT_TRUE(read.ok()) << text;
		return resolve(*read, File({{"n", number}}));
	};
	// Read behind: an offset has 32 bits.
	EXPECT_TRUE(resolved("*(arg1+file_u32(\"n\"))", kMostOffset).ok());
	EXPECT_FALSE(resolved("*(arg1+file_u32(\"n\"))", kMostOffset + 1).ok());
	EXPECT_FALSE(resolved("*(arg1+1+file_u32(\"n\"))", kMostOffset).ok());
	EXPECT_TRUE(resolved("*(arg1-file_u32(\"n\")-1)", kMostOffset).ok());
	EXPECT_FALSE(resolved("*(arg1-file_u32(\"n\")-2)", kMostOffset).ok());
	// Added at the end: 64.
	EXPECT_TRUE(resolved("arg1+file_u32(\"n\")", kMostOffset + 1).ok());
	EXPECT_TRUE(resolved("arg1+file_u32(\"n\")", kMost).ok());
	EXPECT_FALSE(resolved("arg1+1+file_u32(\"n\")", kMost).ok()) << "the sum";
	EXPECT_FALSE(resolved("arg1+4*file_u32(\"n\")", kMost).ok()) << "the product";
	const auto refused = resolved("*(arg1+file_u32(\"n\"))", kMost);
	ASSERT_FALSE(refused.ok());
	EXPECT_EQ(refused.error().code, ErrorCode::format);
	EXPECT_THAT(refused.error().what, HasSubstr("n is too large"));
}

// The object's table, the word before its functions, the name in the typeinfo there.
TEST(ValueExpression, ATypesNameIsThreeReadsAway)
{
	const auto read = parse_string("type_name(*(arg1+16))");
	ASSERT_TRUE(read.ok()) << read.error().what;
	EXPECT_EQ(read->as, NP_AS_TYPE_NAME);
	ASSERT_EQ(read->steps, 4);
	EXPECT_EQ(read->offsets[0], 16);
	EXPECT_EQ(read->offsets[1], 0);
	EXPECT_EQ(read->offsets[2], -8);
	EXPECT_EQ(read->offsets[3], 8);
	EXPECT_EQ(read->last_size, 8);
	EXPECT_EQ(read->add, 0);
	const auto part = parse_string("type_name(arg2+24)");
	ASSERT_TRUE(part.ok());
	EXPECT_EQ(part->offsets[0], 24);
	EXPECT_FALSE(parse_string("type_name(*(*(*(*(arg1)))))").ok()) << "seven reads";
	EXPECT_FALSE(parse_string("type_name(u32(arg1))").ok());
	EXPECT_FALSE(parse_string("type_name(8)").ok());
}

TEST(ValueExpression, ACountMayBeASumOfBytes)
{
	const auto sum = parse_count("sum_u8(*(result), u64(result+8))");
	ASSERT_TRUE(sum.ok()) << sum.error().what;
	EXPECT_EQ(sum->value.from, NP_READ_RESULT);
	EXPECT_EQ(sum->value.steps, 1);
	EXPECT_EQ(sum->bytes.from, NP_READ_RESULT);
	EXPECT_EQ(sum->bytes.offsets[0], 8);
	const auto fixed = parse_count("sum_u8(arg1,100)");
	ASSERT_TRUE(fixed.ok());
	EXPECT_EQ(fixed->bytes.from, NP_READ_CONSTANT);
	EXPECT_EQ(fixed->bytes.add, 100);
	const auto plain = parse_count("arg2");
	ASSERT_TRUE(plain.ok());
	EXPECT_EQ(plain->value.from, NP_READ_ARGUMENT_2);
	EXPECT_FALSE(plain->bytes.given());
	for (const char *wrong : {"sum_u8(arg1)", "sum_u8(arg1 100)", "sum_u8(arg1,100", "sum_u8 arg1,2", "sum_u8(,2)",
				  "sum_u8(arg1,2)+1", "1+sum_u8(arg1,2)", "sum_u8(sum_u8(arg1,2),3)"})
		EXPECT_FALSE(parse_count(wrong).ok()) << wrong;
	EXPECT_FALSE(parse_value("sum_u8(arg1,2)").ok()) << "a count only";
}

TEST(ValueExpression, SizesOfVectors)
{
	const auto spikes = parse_count("vector_size( *(result) + 40, 16 )");
	ASSERT_TRUE(spikes.ok()) << spikes.error().what;
	EXPECT_EQ(spikes->element_bytes, 16u);
	for (const ValueExpression *end : {&spikes->value, &spikes->bytes}) {
		EXPECT_EQ(end->from, NP_READ_RESULT);
		ASSERT_EQ(end->steps, 2);
		EXPECT_EQ(end->offsets[0], 0);
		EXPECT_EQ(end->offsets[1], end == &spikes->value ? 40 : 48);
		EXPECT_EQ(end->last_size, 8);
	}
	EXPECT_EQ(parse_count("u32(arg1)")->element_bytes, 0u);
	for (const char *wrong :
	     {"vector_size(result)", "vector_size(result,)", "vector_size(result,0)", "vector_size(result,-8)",
	      "vector_size(result,65537)", "vector_size(result,8", "vector_size(result,arg1)",
	      "vector_size(result,8)+1", "vector_size(u32(result),8)", "vector_size(,8)"})
		EXPECT_FALSE(parse_count(wrong).ok()) << wrong;
}

} // namespace
} // namespace neuroperf::collector
