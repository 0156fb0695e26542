// SPDX-License-Identifier: Apache-2.0
#include "collector/event_grammar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace neuroperf;
using namespace neuroperf::collector;
using testing::HasSubstr;

namespace {

// "name[a b]modifiers" of each group; an event as its text.
std::string shape(std::string_view text)
{
	const auto groups = split_events(text);
	if (!groups.ok())
		return "error: " + groups.error().what;
	std::string shape;
	for (const WrittenGroup &group : *groups) {
		shape += group.name + (group.braces ? "[" : "<");
		for (const WrittenEvent &event : group.events)
			shape += event.text + "|";
		shape += (group.braces ? "]" : ">") + group.modifiers;
	}
	return shape;
}

TEST(EventGrammar, ListsAndGroups)
{
	EXPECT_EQ(shape("a"), "<a|>");
	EXPECT_EQ(shape(" a:u ,\tb "), "<a:u|><b|>");
	EXPECT_EQ(shape("{a,b:k}"), "[a|b:k|]");
	EXPECT_EQ(shape("{a, b}:S ,c,g{d}"), "[a|b|]S<c|>g[d|]");
	EXPECT_EQ(shape("p/a,b={1}/u,c"), "<p/a,b={1}/u|><c|>");
	EXPECT_EQ(shape("{p/a,b/u,c}:k"), "[p/a,b/u|c|]k");
}

TEST(EventGrammar, SaysWhereItFails)
{
	EXPECT_EQ(shape(""), "error: cannot read the events \"\": at character 1: an event is missing");
	EXPECT_EQ(shape("a,,b"), "error: cannot read the events \"a,,b\": at character 3: an event is missing");
	EXPECT_THAT(shape("a,"), HasSubstr("an event is missing"));
	EXPECT_THAT(shape("{}"), HasSubstr("an event is missing"));
	EXPECT_THAT(shape("{a"), HasSubstr("no closing brace"));
	EXPECT_THAT(shape("{a,{b}}"), HasSubstr("inside a group"));
	EXPECT_THAT(shape("a}"), HasSubstr("\"}\" is not expected"));
	EXPECT_THAT(shape("{a}u"), HasSubstr("\"u\" is not expected"));
	EXPECT_THAT(shape("{a}:"), HasSubstr("modifiers of the group are missing"));
	EXPECT_THAT(shape("p/a"), HasSubstr("closing slash"));
	EXPECT_THAT(shape("p/a/b/"), HasSubstr("third slash"));
	EXPECT_THAT(shape("p/a='b/"), HasSubstr("closing quote"));
	EXPECT_THAT(shape("p/=1/"), HasSubstr("a term is missing"));
	EXPECT_THAT(shape("p/a,/"), HasSubstr("a term is missing"));
	EXPECT_THAT(shape("p/a=/"), HasSubstr("a= has no value"));
	EXPECT_THAT(shape(std::string("a\0b", 3)), HasSubstr("control character"));
}

TEST(EventGrammar, IsBounded)
{
	EXPECT_THAT(shape(std::string(5000, 'a')), HasSubstr("more than 4096 characters"));
	std::string many = "a";
	for (int i = 0; i < 1000; i++)
		many += ",a";
	EXPECT_THAT(shape(many), HasSubstr("more than 1000 events"));
	std::string terms = "p/a";
	for (int i = 0; i < 100; i++)
		terms += ",a";
	EXPECT_THAT(shape(terms + "/"), HasSubstr("more than 100 terms"));
	EXPECT_THAT(shape(std::string(100000, '{')), HasSubstr("inside a group"));
}

TEST(EventGrammar, Terms)
{
	const auto terms = split_terms(" a=0x1 ,b, name='x,y:z=1'");
	ASSERT_TRUE(terms.ok());
	ASSERT_EQ(terms->size(), 3u);
	EXPECT_EQ((*terms)[0].name, "a");
	EXPECT_EQ((*terms)[0].value, "0x1");
	EXPECT_EQ((*terms)[1].value, std::nullopt);
	EXPECT_EQ((*terms)[2].value, "x,y:z=1");
	EXPECT_TRUE(split_terms("").value().empty());
}

TEST(EventGrammar, ModifiersBehindSlashes)
{
	for (const char *text : {"p/a/u", "p/a/:u"}) {
		const auto groups = split_events(text);
		ASSERT_TRUE(groups.ok());
		EXPECT_EQ((*groups)[0].events[0].name, "p");
		EXPECT_EQ((*groups)[0].events[0].modifiers, "u");
	}
}

TEST(EventGrammar, Numbers)
{
	EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
	EXPECT_EQ(parse_number("0xffffffffffffffff"), UINT64_MAX);
	EXPECT_EQ(parse_number("010"), 10u);
	for (const char *text : {"", "0x", "-1", "+1", "1x", "18446744073709551616", "0x10000000000000000", " 1"})
		EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

} // namespace
