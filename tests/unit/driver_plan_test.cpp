// SPDX-License-Identifier: Apache-2.0
// Which events of drivers are recorded, on machines that are not there.
#include "collector/driver_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tests/support/event_sources.hpp"

namespace neuroperf::collector {
namespace {

using recording::DriverDescription;
using recording::JobMoment;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

recording::DriverRule rule(const std::string &event, JobMoment moment)
{
	recording::DriverRule made;
	made.event = event;
	made.moment = moment;
	made.key = {"job"};
	return made;
}

recording::DriverSource source(const std::string &name, std::vector<recording::DriverRule> rules)
{
	recording::DriverSource made;
	made.name = name;
	made.rules = std::move(rules);
	return made;
}

// A driver that tells of its jobs in two ways; the newer one is the first.
DriverDescription driver(const std::string &name)
{
	DriverDescription made;
	made.name = name;
	made.title = "The " + name;
	made.modules = {name + "_module"};
	made.sources.push_back(
		source("new", {rule(name + ":queue", JobMoment::queued), rule(name + ":done", JobMoment::done)}));
	made.sources.push_back(
		source("old", {rule(name + ":job", JobMoment::queued), rule(name + ":job", JobMoment::done)}));
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
	std::string modules() const { return machine.folder().path() + "/sys/module"; }
	void load(const std::string &module) { std::filesystem::create_directories(modules() + "/" + module); }
	std::vector<DriverSubscription> found()
	{
		return find_driver_events(drivers, options, machine.sources(), machine.folder().path());
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

TEST_F(DriverPlan, FencesBesideAnyOtherDriver)
{
	machine.tracepoint("npu", "job", 1);
	machine.tracepoint("dma_fence", "job", 2);
	drivers.push_back(driver("dma_fence"));
	drivers.back().is_beside = true;
	EXPECT_THAT(found(), IsEmpty());
	load("npu_module");
	ASSERT_EQ(found().size(), 2u);
	EXPECT_EQ(found().at(1).driver, "dma_fence");
}

TEST_F(DriverPlan, WhatTellsMoreWhereItIs)
{
	load("npu_module");
	drivers[0].sources[1].rules.push_back(rule("npu:layer", JobMoment::task_done));
	drivers[0].sources[1].rules.push_back(rule("npu:power", JobMoment::state));
	machine.tracepoint("npu", "job", 1);
	EXPECT_THAT(names(planned()), ElementsAre("npu:job everywhere"));
	machine.tracepoint("npu", "power", 2);
	EXPECT_THAT(names(planned()), ElementsAre("npu:job everywhere", "npu:power everywhere"));
}

TEST_F(DriverPlan, EventsOfDevicesAloneAreOfTheHost)
{
	load("npu_module");
	drivers[0].sources[1].rules.push_back(rule("npu:power", JobMoment::state));
	drivers[0].sources[1].rules.push_back(rule("npu:power", JobMoment::value));
	drivers[0].sources[1].rules.push_back(rule("npu:job", JobMoment::state));
	machine.tracepoint("npu", "job", 1);
	machine.tracepoint("npu", "power", 2);
	EXPECT_THAT(planned().host_events(), ElementsAre("npu:power")) << "each rank needs the ends of its jobs";
	drivers.push_back(driver("other"));
	drivers[1].sources = {source("power", {rule("npu:power", JobMoment::done)})};
	load("other_module");
	EXPECT_THAT(planned().host_events(), IsEmpty()) << "to another driver it is the end of a job";
}

TEST_F(DriverPlan, AnEventThatTheUserNamesIsNotLeftToOthers)
{
	load("npu_module");
	drivers[0].sources = {source("power", {rule("npu:power", JobMoment::state)})};
	machine.tracepoint("npu", "power", 2);
	EXPECT_THAT(planned().host_events(), ElementsAre("npu:power"));
	Plan plan = make_plan(options, host);
	PlannedEvent named;
	named.name = "npu:power";
	named.tracepoint_format = "";
	named.by_bpf = true;
	plan.events.push_back(named);
	plan_drivers(found(), options, host, &plan);
	EXPECT_THAT(plan.host_events(), IsEmpty());
	EXPECT_THAT(names(plan), ElementsAre("npu:power everywhere"));
}

TEST_F(DriverPlan, WhatIsMissingIsTold)
{
	load("npu_module");
	const Plan plan = planned();
	EXPECT_THAT(names(plan), IsEmpty());
	EXPECT_EQ(plan.items.back().state, PlanItem::State::missing);
	EXPECT_THAT(plan.items.back().detail,
		    HasSubstr("The npu: no source has all its events here (new: no tracepoint npu:queue"));
	machine.tracepoint("npu", "job", 1);
	host.bpf_error = EPERM;
	EXPECT_THAT(names(planned()), IsEmpty());
	EXPECT_THAT(planned().items.back().detail, HasSubstr("of npu none are recorded"));
	EXPECT_NE(planned().items.back().remedy, "");
}

// A device is a link to one that any machine has.
struct DriverProbePlan : DriverPlan {
	DriverProbePlan()
	{
		drivers = {described()};
		machine.tracepoint("syscalls", "sys_enter_ioctl", 11);
	}
	static DriverDescription described()
	{
		DriverDescription made;
		made.name = "npu";
		made.title = "The npu";
		made.nodes = {"/dev/npu*"};
		recording::DriverProbe submit, end;
		submit.name = "submit";
		submit.requests = {0x40104e01};
		end.name = "over";
		end.kind = recording::DriverProbe::Kind::function;
		end.function = "npu_over";
		made.probes = {submit, end};
		made.sources = {source("function", {rule("npu:over_begin", JobMoment::done)}),
				source("calls", {rule("npu:submit_begin", JobMoment::queued),
						 rule("npu:submit_end", JobMoment::done)})};
		return made;
	}
	void device(const std::string &name)
	{
		std::filesystem::create_directories(machine.folder().file("dev/accel"));
		std::filesystem::create_symlink("/dev/null", machine.folder().file("dev/" + name));
	}
	void symbols(const std::string &text)
	{
		std::filesystem::create_directories(machine.folder().file("proc"));
		std::ofstream(machine.folder().file("proc/kallsyms")) << text;
	}
};

TEST_F(DriverProbePlan, ADeviceIsEnoughForItsCalls)
{
	EXPECT_THAT(found(), IsEmpty());
	device("npu0");
	ASSERT_EQ(found().size(), 1u);
	EXPECT_EQ(found()[0].source, "calls");
	const Plan plan = planned();
	EXPECT_THAT(names(plan), ElementsAre("npu:submit_begin", "npu:submit_end everywhere"));
	const PlannedEvent &last = plan.events.back();
	ASSERT_TRUE(last.probe);
	EXPECT_TRUE(last.probe->at_end);
	ASSERT_EQ(last.probe->devices.size(), 1u);
	EXPECT_EQ(last.probe->devices[0].number, 1u << 20 | 3u) << "of /dev/null";
	EXPECT_EQ(last.probe->devices[0].node, "/dev/npu0");
	EXPECT_EQ(last.attr.config, recording::kDriverProbeIdBase + 1);
	EXPECT_EQ(last.tracepoint_system, "npu");
}

TEST_F(DriverProbePlan, CallsAreOfTheTargetAndFunctionsOfTheHost)
{
	drivers[0].sources = {source("calls", {rule("npu:submit_begin", JobMoment::state)})};
	device("npu0");
	EXPECT_THAT(names(planned()), ElementsAre("npu:submit_begin everywhere"));
	EXPECT_THAT(planned().host_events(), IsEmpty());
	drivers[0].sources = {source("function", {rule("npu:over_begin", JobMoment::state)})};
	symbols("ffffffff81000010 t npu_over\t[npu]\n");
	machine.pmu_file("kprobe/type", "8\n");
	EXPECT_THAT(planned().host_events(), ElementsAre("npu:over_begin"));
}

TEST_F(DriverProbePlan, FunctionsWhereTheKernelHasThemAndLetsThemBeProbed)
{
	device("npu0");
	symbols("ffffffff81000000 T npu_over_there\nffffffff81000010 t npu_over.isra.0\t[npu]\n"
		"ffffffff81000020 d npu_over\t[npu]\n");
	machine.pmu_file("kprobe/type", "8\n");
	EXPECT_EQ(found().at(0).source, "calls");
	symbols("ffffffff81000000 T other\nffffffff81000010 t npu_over\t[npu]\n");
	ASSERT_EQ(found().at(0).source, "function");
	EXPECT_THAT(names(planned()), ElementsAre("npu:over_begin everywhere"));
	EXPECT_THAT(planned().events.back().probe->devices, IsEmpty());
	std::filesystem::remove(machine.folder().file("pmus/kprobe/type"));
	EXPECT_EQ(found().at(0).source, "calls");
}

TEST_F(DriverProbePlan, WhatIsMissingIsTold)
{
	options.driver_files = {"npu.json"};
	EXPECT_THAT(found().at(0).problem, HasSubstr("calls: there is no /dev/npu*"));
	EXPECT_THAT(found().at(0).problem, HasSubstr("lets no functions be probed (CONFIG_KPROBES), such as npu_over"));
	machine.pmu_file("kprobe/type", "8\n");
	EXPECT_THAT(found().at(0).problem, HasSubstr("function: the kernel has no function npu_over"));
	device("npu0");
	std::filesystem::remove_all(machine.folder().file("tracing/events/syscalls"));
	EXPECT_THAT(found().at(0).problem, HasSubstr("calls: no tracepoint syscalls:sys_enter_ioctl"));
}

TEST_F(DriverProbePlan, AGeneralDescriptionIsOfWhatNoOtherOneIsOf)
{
	drivers[0].nodes = {"/dev/npu*", "/dev/accel/accel*"};
	drivers[0].modules = {"npu_module"};
	DriverDescription general = described();
	general.name = "any";
	general.nodes = {"/dev/accel/accel*"};
	general.is_general = true;
	general.sources = {source("calls", {rule("any:submit_begin", JobMoment::queued)})};
	drivers.insert(drivers.begin(), general);
	device("accel/accel0");
	ASSERT_EQ(found().size(), 1u) << "whose it is nobody says";
	EXPECT_EQ(found()[0].driver, "any");
	load("npu_module");
	ASSERT_EQ(found().size(), 1u);
	EXPECT_EQ(found()[0].driver, "npu");
}

constexpr const char *kCommon = "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
				"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";

TEST(DriverFormats, PointersToTextsBecomeTexts)
{
	std::vector<uint32_t> offsets;
	const std::string format = std::string("name: job\nID: 7\nformat:\n") + kCommon +
				   "\tfield:const char * event;\toffset:8;\tsize:8;\tsigned:0;\n"
				   "\tfield:void * job;\toffset:16;\tsize:8;\tsigned:0;\n"
				   "\tfield:const char * far;\toffset:1000;\tsize:8;\tsigned:0;\n"
				   "\tfield:const char * third;\toffset:1008;\tsize:8;\tsigned:0;\n\n"
				   "print fmt: \"%s %p\", REC->event, REC->job\n";
	const std::string changed = with_texts_for_pointers(format, &offsets);
	EXPECT_THAT(offsets, ElementsAre(8, 1000)) << "the last one is beyond what is copied";
	EXPECT_THAT(changed, HasSubstr("print fmt: \"%s %p\", __get_str(event), REC->job"));
	const auto parsed = recording::parse_format_text("npu", changed);
	ASSERT_TRUE(parsed.ok());
	EXPECT_TRUE(parsed->field("event")->is_text);
	EXPECT_TRUE(parsed->field("event")->is_data_loc);
	EXPECT_FALSE(parsed->field("job")->is_text);
	EXPECT_TRUE(parsed->field("far")->is_text);
	EXPECT_FALSE(parsed->field("third")->is_text);
	EXPECT_EQ(with_texts_for_pointers("nothing", &offsets), "nothing");
	EXPECT_THAT(offsets, IsEmpty());
}

} // namespace
} // namespace neuroperf::collector
