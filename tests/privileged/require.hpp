// SPDX-License-Identifier: Apache-2.0
// Skipping what cannot run here, with the missing thing named; NEUROPERF_REQUIRE=root,bpf,... (or all) makes such a
// skip a failure.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace neuroperf::test {

inline bool is_root()
{
	return ::geteuid() == 0;
}

// Ask IsSkipped() or HasFatalFailure() afterwards, outside of SetUp.
inline void require(bool present, std::string_view word, std::string_view missing)
{
	if (present)
		return;
	const char *required = std::getenv("NEUROPERF_REQUIRE");
	const std::string list = std::string(",") + (required ? required : "") + ",";
	if (list.find(",all,") != std::string::npos || list.find("," + std::string(word) + ",") != std::string::npos)
		FAIL() << "NEUROPERF_REQUIRE wants " << word << ": " << missing;
	GTEST_SKIP() << "needs " << word << ": " << missing;
}

} // namespace neuroperf::test
