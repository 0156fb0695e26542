// SPDX-License-Identifier: Apache-2.0
// On a CPU that libpfm4 is told to see, whatever this one is. Expected codes: Intel's SDM, Skylake server events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "collector/event_catalogue.hpp"
#include "collector/event_syntax.hpp"
#include "collector/pfm_events.hpp"
#include "tests/support/event_sources.hpp"

using namespace neuroperf;
using namespace neuroperf::collector;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::StartsWith;

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

// What is listed can be encoded, except where an event needs a unit mask.
TEST(PfmEvents, NamesOfThisMachine)
{
	const auto pmus = pfm_pmus();
	ASSERT_TRUE(pmus.ok());
	ASSERT_EQ(pmus->size(), 1u) << "no other than the forced one, and none of the kernel's names";
	EXPECT_EQ(pmus->front().name, "skx");
	EXPECT_THAT(pmus->front().events,
		    IsSupersetOf({"INST_RETIRED", "INST_RETIRED:ANY_P", "BR_INST_RETIRED:CONDITIONAL"}));
	std::size_t encoded = 0;
	for (const std::string &name : pmus->front().events)
		encoded += pfm_event("skx::" + name).ok() ? 1 : 0;
	EXPECT_GT(encoded, pmus->front().events.size() * 8 / 10);
}

TEST(PfmEvents, AreListedAsTheyAreTaken)
{
	EventSources sources = test::MadeUpMachine().sources();
	sources.use_pfm = true;
	const EventTrial trial = [](const RequestedEvent &tried) {
		return Availability{tried.attr.config == 0xc0, "not that one"};
	};
	std::size_t there = 0, listed = 0;
	for (const EventKind &kind : list_events(sources, WordFilter("Inst_Retired*"), trial))
		for (const EventFamily &family : kind.families)
			for (const CataloguedEvent &one : family.events) {
				EXPECT_THAT(one.text, StartsWith("skx::INST_RETIRED"));
				EXPECT_EQ(event(one.text).name, one.text);
				there += one.here.works ? 1 : 0;
				listed++;
			}
	EXPECT_GT(listed, 3u);
	EXPECT_GT(there, 0u);
	EXPECT_LT(there, listed);
}

} // namespace
