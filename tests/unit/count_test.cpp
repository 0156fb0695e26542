// SPDX-License-Identifier: Apache-2.0
#include "recording/count.hpp"

#include <gtest/gtest.h>

namespace neuroperf::recording {
namespace {

TEST(Count, NumbersAndWhatIsCountedAgree)
{
	const auto said = [](uint64_t number) {
		return fmt::format("{:call was|calls were} left out of {:thread|threads}", Count{number}, Count{1});
	};
	EXPECT_EQ(said(0), "0 calls were left out of 1 thread");
	EXPECT_EQ(said(1), "1 call was left out of 1 thread");
	EXPECT_EQ(said(2), "2 calls were left out of 1 thread");
}

TEST(Count, WithoutBothFormsItIsAnError)
{
	for (const char *text : {"{}", "{:calls}"})
		EXPECT_THROW(static_cast<void>(fmt::format(fmt::runtime(text), Count{1})), fmt::format_error) << text;
}

} // namespace
} // namespace neuroperf::recording
