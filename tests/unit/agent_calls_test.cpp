// SPDX-License-Identifier: Apache-2.0
#include "collector/agent_calls.hpp"

#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

class ToldByAgent : public testing::Test {
protected:
	ToldByAgent()
	{
		place_.in_registers = true;
		reads_.tells = NP_TELLS_IDENTITY | NP_TELLS_NAMES;
		reads_.identity.from = NP_READ_ARGUMENT_2;
	}
	std::optional<uint16_t> told() const { return told_by_agent(place_, reads_); }

	RuntimePlace place_;
	np_place reads_{};
};

TEST_F(ToldByAgent, IsWhoseIdentityIsAnArgument)
{
	EXPECT_EQ(told(), 1u);
	reads_.identity.from = NP_READ_ARGUMENT_1;
	EXPECT_EQ(told(), 0u);
	reads_.identity.from = NP_READ_ARGUMENT_6;
	EXPECT_EQ(told(), 5u);
}

TEST_F(ToldByAgent, IsNotWhatIsReadFromMemory)
{
	reads_.identity.steps = 1;
	EXPECT_FALSE(told());
	reads_.identity.steps = 0;
	reads_.identity.add = 8;
	EXPECT_FALSE(told());
	reads_.identity.add = 0;
	for (const uint8_t from : {NP_READ_NOTHING, NP_READ_CONSTANT, NP_READ_RESULT, NP_READ_FILE}) {
		reads_.identity.from = from;
		EXPECT_FALSE(told()) << int{from};
	}
}

TEST_F(ToldByAgent, IsNotToldApartByMoreThanThat)
{
	for (const uint32_t more : {NP_TELLS_SHAPE, NP_TELLS_COUNT}) {
		reads_.tells = NP_TELLS_IDENTITY | NP_TELLS_NAMES | more;
		EXPECT_FALSE(told()) << more;
	}
	reads_.tells = NP_TELLS_NAMES;
	EXPECT_FALSE(told());
}

TEST_F(ToldByAgent, IsWhatTheDescriptionAllows)
{
	place_.in_registers = false;
	EXPECT_FALSE(told());
}

} // namespace
} // namespace neuroperf::collector
