// SPDX-License-Identifier: Apache-2.0
#include "collector/output_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

namespace neuroperf::collector {
namespace {

using testing::HasSubstr;

class OutputName : public testing::Test {
protected:
	OutputName()
	{
		facts.pid = 4711;
		facts.hostname = "node7";
		facts.environment = [this](const char *name) -> const char * {
			const auto found = variables.find(name);
			return found != variables.end() ? found->second.c_str() : nullptr;
		};
	}
	std::string expanded(std::string_view pattern)
	{
		const auto name = expand_output_name(pattern, facts);
		return name.ok() ? *name : "error: " + name.error().what + "; " + name.error().hint;
	}
	std::map<std::string, std::string> variables;
	OutputNameFacts facts;
};

TEST_F(OutputName, Placeholders)
{
	EXPECT_EQ(expanded("a.data"), "a.data");
	EXPECT_EQ(expanded(""), "");
	EXPECT_EQ(expanded("out/%h.%p.data"), "out/node7.4711.data");
	EXPECT_EQ(expanded("100%%p%%%p"), "100%p%4711");
}

TEST_F(OutputName, RanksOfJobs)
{
	EXPECT_THAT(expanded("%r"), HasSubstr("OMPI_COMM_WORLD_RANK, PMIX_RANK, PMI_RANK, SLURM_PROCID"));
	EXPECT_EQ(job_rank(facts), "");
	variables["SLURM_PROCID"] = "9";
	EXPECT_EQ(job_rank(facts), "9");
	variables["MPI_LOCALRANKID"] = "1";
	EXPECT_EQ(expanded("%r.data"), "9.data");
	for (const char *variable : {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"}) {
		variables[variable] = std::string("3") + variable[0];
		EXPECT_EQ(expanded("%r"), variables[variable]) << "the launcher's own variable comes first";
	}
	variables["OMPI_COMM_WORLD_RANK"] = "";
	EXPECT_EQ(expanded("%r"), "3P") << "empty is not set";
}

TEST_F(OutputName, ValuesAreOnePartOfAPath)
{
	facts.hostname = "../../etc/x";
	variables["PMI_RANK"] = "/0";
	EXPECT_EQ(expanded("%h.%r"), "..-..-etc-x.-0");
	facts.hostname = "";
	EXPECT_EQ(expanded("%h"), "localhost");
}

TEST_F(OutputName, WhatIsUnknownIsAnError)
{
	EXPECT_THAT(expanded("a.%x"), HasSubstr("unknown placeholder '%x'"));
	EXPECT_THAT(expanded("a.%P"), HasSubstr("%p (process), %h (host), %r (rank)"));
	EXPECT_THAT(expanded("a%"), HasSubstr("ends in a single %"));
	EXPECT_THAT(expanded("a%%%"), HasSubstr("ends in a single %"));
}

TEST(OutputNameHere, KnowsTheMachine)
{
	char host[256] = {};
	ASSERT_EQ(::gethostname(host, sizeof host - 1), 0);
	const auto name = expand_output_name("%h/%p", output_name_facts(12));
	ASSERT_TRUE(name.ok());
	EXPECT_EQ(*name, std::string(host) + "/12");
}

TEST(Sizes, AreBinary)
{
	const std::pair<const char *, uint64_t> sizes[] = {
		{"0", 0},        {"4096", 4096},   {"17B", 17},        {"64K", 65536},
		{"64kb", 65536}, {"1M", 1u << 20}, {"2g", 2ull << 30}, {"18446744073709551615", UINT64_MAX}};
	for (const auto &[text, size] : sizes) {
		ASSERT_TRUE(parse_size(text).ok()) << text;
		EXPECT_EQ(*parse_size(text), size) << text;
	}
	for (const char *text : {"", "K", "-1", "+1", " 1", "1 ", "1.5M", "0x10", "1KK", "1T", "1Ki", "one"}) {
		ASSERT_FALSE(parse_size(text).ok()) << text;
		EXPECT_EQ(parse_size(text).error().code, ErrorCode::usage);
		EXPECT_THAT(parse_size(text).error().hint, HasSubstr("64K"));
	}
	for (const char *text : {"18446744073709551616", "17179869184G", "99999999999999999999K"})
		EXPECT_THAT(parse_size(text).error().what, HasSubstr("too large")) << text;
}

TEST(Durations, NeedAUnit)
{
	const std::pair<const char *, uint64_t> times[] = {{"0s", 0},
							   {"250us", 250'000},
							   {"500ms", 500'000'000},
							   {"10s", 10'000'000'000},
							   {"2m", 120'000'000'000},
							   {"1h", 3'600'000'000'000}};
	for (const auto &[text, time] : times) {
		ASSERT_TRUE(parse_duration_ns(text).ok()) << text;
		EXPECT_EQ(*parse_duration_ns(text), time) << text;
	}
	for (const char *text : {"", "10", "s", "-1s", "1.5s", "10 s", "10S", "1d", "1M", "1h30m"}) {
		ASSERT_FALSE(parse_duration_ns(text).ok()) << text;
		EXPECT_THAT(parse_duration_ns(text).error().hint, HasSubstr("500ms"));
	}
	EXPECT_THAT(parse_duration_ns("5124096h").error().what, HasSubstr("too large"));
}

} // namespace
} // namespace neuroperf::collector
