// SPDX-License-Identifier: Apache-2.0
// Plans for machines that are not there.
#include "collector/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace neuroperf::collector {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

HostSnapshot root_with_cycles()
{
	HostSnapshot host;
	host.online_cpus = {0, 1, 3};
	host.is_root = true;
	host.perf_event_paranoid = 2;
	host.max_sample_rate = 100'000;
	host.constant_counter = true;
	host.kernel_text = 0xffffffff81000000;
	return host;
}

HostSnapshot virtual_machine()
{
	HostSnapshot host = root_with_cycles();
	host.cycles_error = host.cycles_user_only_error = ENOENT;
	return host;
}

HostSnapshot user_with_paranoid_2()
{
	HostSnapshot host = root_with_cycles();
	host.is_root = false;
	host.cycles_error = host.cpu_clock_error = EACCES;
	host.kernel_text = 0;
	return host;
}

const PlanItem *item(const Plan &plan, std::string_view what)
{
	for (const PlanItem &each : plan.items)
		if (each.what == what)
			return &each;
	return nullptr;
}

Plan plan_for(const HostSnapshot &host, RecordOptions options = {})
{
	return make_plan(options, host);
}

TEST(Plan, RootGetsCyclesWithTheKernelAndNothingIsMissing)
{
	const Plan plan = plan_for(root_with_cycles());
	ASSERT_TRUE(plan.sampling);
	EXPECT_EQ(plan.sampling->name, "cycles");
	EXPECT_FALSE(plan.sampling->attr.exclude_kernel);
	EXPECT_EQ(plan.sampling->attr.sample_freq, 999u);
	EXPECT_EQ(plan.sampling->attr.clockid, CLOCK_MONOTONIC);
	EXPECT_TRUE(plan.sampling->attr.inherit);
	EXPECT_EQ(plan.cpus, (std::vector<unsigned>{0, 1, 3}));
	EXPECT_TRUE(plan.kernel_map);
	EXPECT_TRUE(plan.counter_clock);
	for (const PlanItem &each : plan.items)
		EXPECT_EQ(each.state, PlanItem::State::open) << each.what;
}

TEST(Plan, AVirtualMachineFallsBackToTheClockAndSaysSo)
{
	const Plan plan = plan_for(virtual_machine());
	ASSERT_TRUE(plan.sampling);
	EXPECT_EQ(plan.sampling->name, "cpu-clock");
	const PlanItem *missing = item(plan, "hardware counters");
	ASSERT_TRUE(missing);
	EXPECT_EQ(missing->state, PlanItem::State::missing);
	EXPECT_THAT(missing->detail, HasSubstr("virtual machine"));
	EXPECT_THAT(missing->remedy, IsEmpty()) << "nothing helps";
}

TEST(Plan, AUserWithParanoid2SamplesUserCodeOnly)
{
	const Plan plan = plan_for(user_with_paranoid_2());
	ASSERT_TRUE(plan.sampling);
	EXPECT_EQ(plan.sampling->name, "cycles:u");
	EXPECT_TRUE(plan.sampling->attr.exclude_kernel);
	const PlanItem *missing = item(plan, "kernel samples");
	ASSERT_TRUE(missing);
	EXPECT_THAT(missing->remedy, HasSubstr("perf_event_paranoid (now 2)"));
}

TEST(Plan, WhereNothingCanBeOpenedLayersAreStillRecorded)
{
	HostSnapshot host = user_with_paranoid_2();
	host.perf_event_paranoid = 3;
	host.cycles_user_only_error = host.cpu_clock_user_only_error = EACCES;
	const Plan refused = plan_for(host);
	EXPECT_FALSE(refused.sampling);
	ASSERT_TRUE(item(refused, "sampling"));
	EXPECT_THAT(item(refused, "sampling")->remedy, HasSubstr("run as root"));
	EXPECT_EQ(item(refused, "in-process events")->state, PlanItem::State::open);
	host.cpu_clock_user_only_error = ENOSYS;
	EXPECT_THAT(item(plan_for(host), "sampling")->remedy, HasSubstr("seccomp"));
}

TEST(Plan, TheKernelsHighestRateIsKept)
{
	HostSnapshot host = root_with_cycles();
	host.max_sample_rate = 500;
	const Plan plan = plan_for(host);
	EXPECT_EQ(plan.sampling->attr.sample_freq, 500u);
	EXPECT_EQ(item(plan, "sampling")->state, PlanItem::State::degraded);
	EXPECT_THAT(item(plan, "sampling")->detail, HasSubstr("999 Hz is more than the kernel allows"));
	EXPECT_THAT(item(plan, "sampling")->remedy, HasSubstr("max_sample_rate"));
	host.max_sample_rate = 0; // not known
	EXPECT_EQ(plan_for(host).sampling->attr.sample_freq, 999u);
}

TEST(Plan, WithoutAConstantCounterTheClockIsCalled)
{
	HostSnapshot host = root_with_cycles();
	host.constant_counter = false;
	host.counter_reason = "the TSC stops in deep sleep";
	const Plan plan = plan_for(host);
	EXPECT_FALSE(plan.counter_clock);
	EXPECT_EQ(item(plan, "in-process events")->state, PlanItem::State::degraded);
	EXPECT_THAT(item(plan, "in-process events")->detail, HasSubstr("deep sleep"));
}

TEST(Plan, CallChainsOnlyWhenAsked)
{
	EXPECT_FALSE(plan_for(root_with_cycles()).sampling->attr.sample_type & PERF_SAMPLE_CALLCHAIN);
	RecordOptions options;
	options.callgraph = true;
	EXPECT_TRUE(plan_for(root_with_cycles(), options).sampling->attr.sample_type & PERF_SAMPLE_CALLCHAIN);
	EXPECT_TRUE(plan_for(user_with_paranoid_2(), options).sampling->attr.exclude_callchain_kernel);
}

TEST(Plan, HiddenKernelAddressesAreNamed)
{
	HostSnapshot host = root_with_cycles();
	host.kernel_text = 0;
	const Plan plan = plan_for(host);
	EXPECT_FALSE(plan.kernel_map);
	ASSERT_TRUE(item(plan, "kernel symbols"));
	EXPECT_THAT(item(plan, "kernel symbols")->remedy, HasSubstr("kptr_restrict"));
}

TEST(Plan, UnderSudoTheProgramRunsAsTheUserUnlessToldOtherwise)
{
	HostSnapshot host = root_with_cycles();
	host.invoking_user = InvokingUser{1000, 1000, "ada", "/home/ada"};
	const Plan plan = plan_for(host);
	ASSERT_TRUE(plan.run_as);
	EXPECT_EQ(plan.run_as->uid, 1000u);
	EXPECT_THAT(item(plan, "program")->detail, HasSubstr("ada"));
	RecordOptions as_root;
	as_root.as_root = true;
	EXPECT_FALSE(plan_for(host, as_root).run_as);
}

} // namespace
} // namespace neuroperf::collector
