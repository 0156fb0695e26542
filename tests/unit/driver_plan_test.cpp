// SPDX-License-Identifier: Apache-2.0
// Which events of drivers are recorded, on machines that are not there.
#include "collector/driver_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "tests/support/event_sources.hpp"

namespace neuroperf::collector {
namespace {

using recording::DriverDescription;
using recording::JobMoment;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

recording::DriverRule rule(const char *event, JobMoment moment)
{
	return {event, moment, {}, {}, {"job"}, {}, "", "", ""};
}

// A driver that tells of its jobs in two ways; the newer one is the first.
DriverDescription driver(const std::string &name)
{
	DriverDescription made;
	made.name = name;
	made.title = "The " + name;
	made.modules = {name + "_module"};
	made.sources.push_back({"new",
				"",
				true,
				{rule((name + ":queue").c_str(), JobMoment::queued),
				 rule((name + ":done").c_str(), JobMoment::done)}});
	made.sources.push_back(
		{"old",
		 "",
		 true,
		 {rule((name + ":job").c_str(), JobMoment::queued), rule((name + ":job").c_str(), JobMoment::done)}});
	return made;
}

struct DriverPlan : testing::Test {
	DriverPlan()
	{
		host.online_cpus = {0, 1};
		host.is_root = true;
		host.bpf_error = 0;
		host.kernel_types = true;
		std::filesystem::create_directories(modules());
	}
	std::string modules() const { return machine.folder().path() + "/module"; }
	void load(const std::string &module) { std::filesystem::create_directories(modules() + "/" + module); }
	std::vector<DriverSubscription> found()
	{
		return find_driver_events(drivers, options, machine.sources(), modules());
	}
	Plan planned()
	{
		Plan plan = make_plan(options, host);
		plan_drivers(found(), options, host, &plan);
		return plan;
	}
	std::vector<std::string> names(const Plan &plan)
	{
		std::vector<std::string> names;
		for (const PlannedEvent &event : plan.events)
			if (event.by_bpf)
				names.push_back(event.name + (event.everywhere ? " everywhere" : ""));
		return names;
	}

	test::MadeUpMachine machine;
	std::vector<DriverDescription> drivers = {driver("npu")};
	RecordOptions options;
	HostSnapshot host;
};

TEST_F(DriverPlan, TheFirstSourceWhoseEventsAreAllThere)
{
	load("npu_module");
	machine.tracepoint("npu", "job", 1);
	machine.tracepoint("npu", "queue", 2);
	EXPECT_EQ(found().at(0).source, "old");
	EXPECT_THAT(names(planned()), ElementsAre("npu:job everywhere"));
	machine.tracepoint("npu", "done", 3);
	EXPECT_EQ(found().at(0).source, "new");
	const Plan plan = planned();
	EXPECT_THAT(names(plan), ElementsAre("npu:queue", "npu:done everywhere"));
	EXPECT_THAT(plan.drivers, ElementsAre("npu"));
	EXPECT_EQ(plan.items.back().detail, "of npu (new)");
}

TEST_F(DriverPlan, OnlyOfDriversThatAreHere)
{
	machine.tracepoint("npu", "job", 1);
	EXPECT_THAT(found(), IsEmpty());
	options.drivers = {"npu"};
	EXPECT_EQ(found().size(), 1u) << "the user named it";
	options.drivers = {};
	options.driver_files = {"npu.json"};
	EXPECT_EQ(found().size(), 1u) << "the user described it";
	options.driver_files = {};
	load("npu_module");
	EXPECT_EQ(found().size(), 1u);
}

TEST_F(DriverPlan, FencesWithAnyOtherDriver)
{
	machine.tracepoint("npu", "job", 1);
	machine.tracepoint("dma_fence", "job", 2);
	drivers.push_back(driver("dma_fence"));
	EXPECT_THAT(found(), IsEmpty());
	load("npu_module");
	ASSERT_EQ(found().size(), 2u);
	EXPECT_EQ(found().at(1).driver, "dma_fence");
}

TEST_F(DriverPlan, WhatIsMissingIsTold)
{
	load("npu_module");
	const Plan plan = planned();
	EXPECT_THAT(names(plan), IsEmpty());
	EXPECT_EQ(plan.items.back().state, PlanItem::State::missing);
	EXPECT_THAT(plan.items.back().detail,
		    HasSubstr("The npu: tracefs has not all events of any source (new; old)"));
	machine.tracepoint("npu", "job", 1);
	host.bpf_error = EPERM;
	EXPECT_THAT(names(planned()), IsEmpty());
	EXPECT_THAT(planned().items.back().detail, HasSubstr("of npu none are recorded"));
	EXPECT_NE(planned().items.back().remedy, "");
}

constexpr const char *kCommon = "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
				"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";

TEST(DriverFormats, PointersToTextsBecomeTexts)
{
	std::vector<uint32_t> offsets;
	const std::string format = std::string("name: job\nID: 7\nformat:\n") + kCommon +
				   "\tfield:const char * event;\toffset:8;\tsize:8;\tsigned:0;\n"
				   "\tfield:void * job;\toffset:16;\tsize:8;\tsigned:0;\n"
				   "\tfield:const char * far;\toffset:1000;\tsize:8;\tsigned:0;\n\n"
				   "print fmt: \"%s %p\", REC->event, REC->job\n";
	const std::string changed = with_texts_for_pointers(format, &offsets);
	EXPECT_THAT(offsets, ElementsAre(8)) << "the last one is beyond what is copied";
	EXPECT_THAT(changed, HasSubstr("print fmt: \"%s %p\", __get_str(event), REC->job"));
	const auto parsed = recording::parse_format_text("npu", changed);
	ASSERT_TRUE(parsed.ok());
	EXPECT_TRUE(parsed->field("event")->is_text);
	EXPECT_TRUE(parsed->field("event")->is_data_loc);
	EXPECT_FALSE(parsed->field("job")->is_text);
	EXPECT_FALSE(parsed->field("far")->is_text);
	EXPECT_EQ(with_texts_for_pointers("nothing", &offsets), "nothing");
	EXPECT_THAT(offsets, IsEmpty());
}

} // namespace
} // namespace neuroperf::collector
