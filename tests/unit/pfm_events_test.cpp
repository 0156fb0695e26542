// SPDX-License-Identifier: Apache-2.0
// On a CPU that libpfm4 is told to see, whatever this one is. Expected codes: Intel's SDM, Skylake server events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "collector/event_syntax.hpp"
#include "tests/support/event_sources.hpp"

using namespace neuroperf;
using namespace neuroperf::collector;
using testing::HasSubstr;

namespace {

// libpfm4 then sees nothing else, not even its own perf:: names. It looks at the environment once, when it is first
// asked.
const int kForced = ::setenv("LIBPFM_FORCE_PMU", "skx", 1);

RequestedEvent event(const std::string &text)
{
	const test::MadeUpMachine machine;
	EventSources sources = machine.sources();
	sources.use_pfm = true;
	const auto groups = parse_events({text}, sources);
	RequestedEvent found;
	if (groups.ok())
		return groups->front().events.front();
	found.name = "error: " + groups.error().what + "; " + groups.error().hint;
	return found;
}

TEST(PfmEvents, Names)
{
	ASSERT_EQ(kForced, 0);
	const RequestedEvent branches = event("skx::BR_INST_RETIRED:CONDITIONAL");
	EXPECT_EQ(branches.name, "skx::BR_INST_RETIRED:CONDITIONAL");
	EXPECT_EQ(branches.attr.type, unsigned{PERF_TYPE_RAW});
	EXPECT_EQ(branches.attr.config, 0x1c4u);
	EXPECT_EQ(branches.attr.size, recording::kAttrSize);
	EXPECT_EQ(event("INST_RETIRED:ANY_P").attr.config, 0xc0u);
	EXPECT_EQ(event("INST_RETIRED:ANY_P:c=2:i").attr.config, 0x28000c0u);
	EXPECT_EQ(event("INST_RETIRED:ANY_P:c=1:e").attr.config, 0x10400c0u); // e: an edge, not perf's "exclusive"
}

TEST(PfmEvents, ModifiersAreThoseOfPerf)
{
	for (const char *name : {"skx::INST_RETIRED:ANY_P", "BR_INST_RETIRED"}) {
		const perf_event_attr all = event(name).attr;
		EXPECT_TRUE(!all.exclude_user && !all.exclude_kernel && !all.exclude_hv && all.exclude_guest) << name;
		const perf_event_attr user = event(std::string(name) + ":u").attr;
		EXPECT_TRUE(!user.exclude_user && user.exclude_kernel && user.exclude_hv && user.exclude_guest) << name;
		EXPECT_EQ(event(std::string(name) + ":kpp").attr.precise_ip, 2) << name;
		EXPECT_TRUE(event(std::string(name) + ":D").attr.pinned) << name;
	}
}

TEST(PfmEvents, PeriodAndFrequency)
{
	EXPECT_EQ(event("BR_INST_RETIRED:period=1000").period, 1000u);
	EXPECT_EQ(event("BR_INST_RETIRED:freq=99").frequency_hz, 99u);
	EXPECT_EQ(event("BR_INST_RETIRED:freq=99").attr.sample_freq, 0u);
}

TEST(PfmEvents, Errors)
{
	EXPECT_THAT(event("skx::NO_SUCH_EVENT").name,
		    HasSubstr("libpfm4 cannot encode \"skx::NO_SUCH_EVENT\": event not found"));
	EXPECT_THAT(event("skx::NO_SUCH_EVENT").name, HasSubstr("skx"));
	EXPECT_THAT(event("NO_SUCH_EVENT").name, HasSubstr("unknown event"));
	EXPECT_THAT(event("BR_INST_RETIRED:zz").name, HasSubstr("libpfm4 cannot encode"));
	EXPECT_THAT(event("INST_RETIRED:NOPE").name, HasSubstr("INST_RETIRED:NOPE"));
}

} // namespace
