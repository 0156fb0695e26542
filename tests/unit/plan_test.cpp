// SPDX-License-Identifier: Apache-2.0
// Plans for machines that are not there.
#include "collector/plan.hpp"
#include "collector/runtime_plan.hpp"

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
	ASSERT_EQ(plan.events.size(), 1u);
	EXPECT_EQ(plan.events.front().name, "cycles");
	EXPECT_FALSE(plan.events.front().attr.exclude_kernel);
	EXPECT_EQ(plan.events.front().attr.sample_freq, 999u);
	EXPECT_EQ(plan.events.front().attr.clockid, CLOCK_MONOTONIC);
	EXPECT_TRUE(plan.events.front().attr.inherit);
	EXPECT_EQ(plan.events.front().cpus, (std::vector<unsigned>{0, 1, 3}));
	EXPECT_TRUE(plan.kernel_map);
	EXPECT_TRUE(plan.counter_clock);
	for (const PlanItem &each : plan.items)
		EXPECT_EQ(each.state, PlanItem::State::open) << each.what;
}

TEST(Plan, RootOfAContainerIsNotToldToBecomeRoot)
{
	HostSnapshot host = user_with_paranoid_2();
	host.in_user_namespace = true;
	const Plan plan = plan_for(host);
	const PlanItem *missing = item(plan, "kernel samples");
	ASSERT_TRUE(missing);
	EXPECT_THAT(missing->remedy, HasSubstr("outside of this container"));
	EXPECT_THAT(missing->remedy, Not(HasSubstr("run as root")));
}

TEST(Plan, EachStepOfTheLadderSaysWhatItGivesAndWhatWouldGiveMore)
{
	const Plan plan = plan_for(user_with_paranoid_2()); // the kernel lets users see their own tasks come and go
	ASSERT_EQ(plan.events.size(), 1u);
	EXPECT_TRUE(plan.events.front().attr.context_switch);
	ASSERT_TRUE(item(plan, "on and off CPU"));
	EXPECT_EQ(item(plan, "on and off CPU")->state, PlanItem::State::open);

	HostSnapshot denied = user_with_paranoid_2();
	denied.cycles_user_only_error = denied.cpu_clock_user_only_error = EPERM;
	const Plan alone = plan_for(denied);
	EXPECT_THAT(alone.events, IsEmpty());
	ASSERT_TRUE(item(alone, "on and off CPU"));
	EXPECT_EQ(item(alone, "on and off CPU")->state, PlanItem::State::missing);
	EXPECT_EQ(item(alone, "on and off CPU")->remedy, item(alone, "sampling")->remedy);
	EXPECT_THAT(item(alone, "on and off CPU")->remedy, HasSubstr("perf_event_paranoid"));
	EXPECT_EQ(item(alone, "in-process events")->state, PlanItem::State::open);
}

TEST(Plan, ContextSwitchesComeWithTheSideBandOfTasks)
{
	RecordOptions delayed;
	delayed.delay_ms = 10;
	const Plan plan = plan_for(root_with_cycles(), delayed);
	ASSERT_EQ(plan.events.size(), 2u);
	EXPECT_EQ(plan.events[0].name, "dummy:u");
	EXPECT_TRUE(plan.events[0].attr.context_switch);
	EXPECT_FALSE(plan.events[1].attr.context_switch) << "each would be told twice";

	Target tasks;
	tasks.kind = Target::Kind::tasks;
	tasks.processes = tasks.threads = {10};
	EXPECT_TRUE(make_plan({}, root_with_cycles(), tasks).events.front().attr.context_switch);

	for (const Target::Kind kind : {Target::Kind::machine, Target::Kind::control_group}) {
		Target many;
		many.kind = kind;
		const Plan of_many = make_plan({}, root_with_cycles(), many);
		EXPECT_FALSE(of_many.events.front().attr.context_switch);
		ASSERT_TRUE(item(of_many, "on and off CPU"));
		EXPECT_EQ(item(of_many, "on and off CPU")->state, PlanItem::State::missing);
		EXPECT_THAT(item(of_many, "on and off CPU")->remedy, HasSubstr("-p"));
	}
}

TEST(Plan, EveryEventTellsHowLongItCounted)
{
	const Plan plan = plan_for(root_with_cycles());
	for (const PlannedEvent &event : plan.events) {
		EXPECT_TRUE(event.attr.read_format & PERF_FORMAT_TOTAL_TIME_ENABLED);
		EXPECT_TRUE(event.attr.read_format & PERF_FORMAT_TOTAL_TIME_RUNNING);
	}
}

TEST(Plan, AVirtualMachineFallsBackToTheClockAndSaysSo)
{
	const Plan plan = plan_for(virtual_machine());
	ASSERT_EQ(plan.events.size(), 1u);
	EXPECT_EQ(plan.events.front().name, "cpu-clock");
	const PlanItem *missing = item(plan, "hardware counters");
	ASSERT_TRUE(missing);
	EXPECT_EQ(missing->state, PlanItem::State::missing);
	EXPECT_THAT(missing->detail, HasSubstr("virtual machine"));
	EXPECT_THAT(missing->remedy, IsEmpty()) << "nothing helps";
}

TEST(Plan, AUserWithParanoid2SamplesUserCodeOnly)
{
	const Plan plan = plan_for(user_with_paranoid_2());
	ASSERT_EQ(plan.events.size(), 1u);
	EXPECT_EQ(plan.events.front().name, "cycles:u");
	EXPECT_TRUE(plan.events.front().attr.exclude_kernel);
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
	EXPECT_TRUE(refused.events.empty());
	ASSERT_TRUE(item(refused, "sampling"));
	EXPECT_THAT(item(refused, "sampling")->remedy, HasSubstr("run as root"));
	EXPECT_EQ(item(refused, "in-process events")->state, PlanItem::State::open);
	host.cpu_clock_user_only_error = ENOSYS;
	EXPECT_THAT(item(plan_for(host), "sampling")->remedy, HasSubstr("seccomp"));
}

TEST(Plan, LayersOfRunningProgramsAndTheirChildrenByProbes)
{
	constexpr const char *what = "layers of running programs";
	Target target;
	target.kind = Target::Kind::tasks;
	target.processes = target.threads = {7, 8};
	Plan plan = make_plan({}, root_with_cycles(), target);
	EXPECT_TRUE(plan.attach);
	ASSERT_NE(item(plan, what), nullptr);
	EXPECT_THAT(item(plan, what)->detail, HasSubstr("2 processes and the children they fork"));
	target = {};
	target.kind = Target::Kind::machine;
	plan = make_plan({}, root_with_cycles(), target);
	EXPECT_TRUE(plan.attach);
	EXPECT_THAT(item(plan, what)->detail, HasSubstr("every process"));
	RecordOptions options;
	options.no_bpf = true;
	plan = make_plan(options, root_with_cycles(), target);
	EXPECT_FALSE(plan.attach);
	EXPECT_EQ(item(plan, what)->state, PlanItem::State::missing);
}

TEST(Plan, TheKernelsHighestRateIsKept)
{
	HostSnapshot host = root_with_cycles();
	host.max_sample_rate = 500;
	const Plan plan = plan_for(host);
	EXPECT_EQ(plan.events.front().attr.sample_freq, 500u);
	EXPECT_EQ(item(plan, "sampling")->state, PlanItem::State::degraded);
	EXPECT_THAT(item(plan, "sampling")->detail, HasSubstr("999 Hz is more than the kernel allows"));
	EXPECT_THAT(item(plan, "sampling")->remedy, HasSubstr("max_sample_rate"));
	host.max_sample_rate = 0; // not known
	EXPECT_EQ(plan_for(host).events.front().attr.sample_freq, 999u);
}

TEST(Plan, WhatASampleCostsIsSaidWhereItIsMuch)
{
	HostSnapshot host = virtual_machine();
	host.sample_cost_ns = 22'000;
	RecordOptions options;
	options.frequency_hz = 999;
	EXPECT_THAT(item(plan_for(host, options), "sampling")->detail,
		    HasSubstr("; a sample costs 22 to 66 us here: up to 6.6 % of a busy CPU (-F 249 for 1.6 %)"));
	options.frequency_hz = 99;
	EXPECT_THAT(item(plan_for(host, options), "sampling")->detail, Not(HasSubstr("costs")));
	host.sample_cost_ns = 2'000;
	EXPECT_THAT(item(plan_for(host), "sampling")->detail, Not(HasSubstr("costs")));
	EXPECT_THAT(item(plan_for(virtual_machine()), "sampling")->detail, Not(HasSubstr("costs")));
}

TEST(Plan, UnaskedSamplingCostsLittle)
{
	HostSnapshot host = virtual_machine();
	const auto chosen = [&](uint64_t cost_ns, const RecordOptions &options = {}) {
		host.sample_cost_ns = cost_ns;
		const Plan plan = plan_for(host, options);
		EXPECT_EQ(plan.events.front().attr.sample_freq, plan.frequency_hz);
		return plan.frequency_hz;
	};
	EXPECT_EQ(chosen(3'300), 999u);
	EXPECT_EQ(chosen(3'400), 249u);
	EXPECT_EQ(chosen(13'000), 249u);
	EXPECT_EQ(chosen(13'500), 99u);
	EXPECT_EQ(chosen(1'000'000), 99u);
	host.sample_cost_ns = 22'000;
	EXPECT_THAT(item(plan_for(host), "sampling")->detail,
		    HasSubstr("cpu-clock at 99 Hz on 3 CPUs; a sample costs 22 to 66 us here: up to 0.7 % of a busy "
			      "CPU (6.6 % with -F 999)"));
	RecordOptions options;
	options.events = {"cpu-clock"};
	EXPECT_EQ(chosen(22'000, options), 999u) << "asked for";
}

TEST(Plan, ProbesOfRuntimesAreLeftWhatSamplesDoNotTake)
{
	HostSnapshot host = virtual_machine();
	host.bpf_error = 0;
	const auto budget = [&](const RecordOptions &options = {}) {
		Plan plan = plan_for(host, options);
		plan_runtimes({RuntimeDescription{}}, options, host, &plan);
		return plan.probe_budget;
	};
	EXPECT_DOUBLE_EQ(budget(), 0.02) << "of hardware counters samples cost next to nothing";
	host.sample_cost_ns = 17'000; // three times that, 99 times a second: 0.5 %
	EXPECT_DOUBLE_EQ(budget(), 0.015);
	host.sample_cost_ns = 1'000'000;
	EXPECT_DOUBLE_EQ(budget(), 0.01) << "half of it at least";
	RecordOptions options;
	options.events = {"sched:sched_switch"};
	EXPECT_DOUBLE_EQ(budget(options), 0.02) << "no samples of a clock";
	options.events.clear();
	options.probe_budget = 0.03;
	EXPECT_DOUBLE_EQ(budget(options), 0.03) << "asked for";
}

TEST(Plan, AnAgentIsThereOrItIsSaidWhyNot)
{
	HostSnapshot host = root_with_cycles();
	host.bpf_error = 0;
	RecordOptions options;
	const auto agent = [&](std::vector<RuntimeDescription> runtimes = {RuntimeDescription{}}) {
		Plan plan = plan_for(host, options);
		plan_runtimes(std::move(runtimes), options, host, &plan);
		const auto *found = item(plan, "agent");
		EXPECT_EQ(plan.agent, found != nullptr && found->state == PlanItem::State::open);
		return found ? found->detail : "";
	};
	EXPECT_EQ(agent(), "") << "not asked for";
	options.agent = true;
	EXPECT_THAT(agent(), HasSubstr("LD_PRELOAD"));
	EXPECT_EQ(agent({}), "no runtime is looked into");
	host.agent_problem = "there is none for this kind of CPU";
	EXPECT_EQ(agent(), "there is none for this kind of CPU");
	host.bpf_error = EPERM;
	EXPECT_EQ(agent(), "no runtime is looked into");
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
	EXPECT_FALSE(plan_for(root_with_cycles()).events.front().attr.sample_type & PERF_SAMPLE_CALLCHAIN);
	RecordOptions options;
	options.callgraph = CallGraph::frame_pointers;
	EXPECT_TRUE(plan_for(root_with_cycles(), options).events.front().attr.sample_type & PERF_SAMPLE_CALLCHAIN);
	EXPECT_TRUE(plan_for(user_with_paranoid_2(), options).events.front().attr.exclude_callchain_kernel);
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

TEST(Plan, ManyThreadsOnManyCpusAreSampledByTheCpuWhereBpfIsAllowed)
{
	HostSnapshot host = root_with_cycles();
	host.bpf_error = 0;
	host.kernel_types = true;
	Target target;
	target.kind = Target::Kind::tasks;
	target.processes = {100};
	for (int thread = 100; thread < 1500; thread++) // on three CPUs
		target.threads.push_back(thread);
	EXPECT_TRUE(make_plan({}, host, target).filters_samples);
	EXPECT_THAT(item(make_plan({}, host, target), "sampling")->detail, HasSubstr("BPF program"));
	RecordOptions options;
	options.no_bpf = true;
	EXPECT_FALSE(make_plan(options, host, target).filters_samples);
	EXPECT_TRUE(make_plan(options, host, target).events.front().attr.context_switch);
	EXPECT_FALSE(make_plan({}, host, target).events.front().attr.context_switch) << "of the whole machine";
	options.no_switches = true;
	EXPECT_FALSE(make_plan(options, host, target).events.front().attr.context_switch);
	options = {};
	options.threads = target.threads; // each asked for by itself
	EXPECT_FALSE(make_plan(options, host, target).filters_samples);
	HostSnapshot without = host;
	without.bpf_error = EPERM;
	EXPECT_FALSE(make_plan({}, without, target).filters_samples);
	target.threads.resize(1365);
	EXPECT_FALSE(make_plan({}, host, target).filters_samples) << "so few have events of their own";
}

TEST(Plan, WeakGroupsAreDissolvedWhereTheyCannotBeOpened)
{
	EventGroup weak, firm;
	for (EventGroup *group : {&weak, &firm})
		for (const uint64_t config : {PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_INSTRUCTIONS}) {
			group->events.push_back(requested_event(PERF_TYPE_HARDWARE, config));
			group->events.back().weak_group = group == &weak;
		}
	Plan plan = make_plan({}, root_with_cycles(), {}, {weak, firm});
	ASSERT_EQ(plan.events.size(), 4u);
	EXPECT_EQ(plan.events[1].leader, 0u);
	EXPECT_FALSE(plan.events[1].attr.enable_on_exec) << "it starts with its leader";
	EXPECT_TRUE(plan.dissolve_weak_groups());
	EXPECT_EQ(plan.events[1].leader, 1u);
	EXPECT_TRUE(plan.events[1].attr.enable_on_exec);
	EXPECT_EQ(plan.events[3].leader, 2u) << "not asked to be weak";
	EXPECT_FALSE(plan.dissolve_weak_groups());
}

} // namespace
} // namespace neuroperf::collector
