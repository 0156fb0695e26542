// SPDX-License-Identifier: Apache-2.0
#include "collector/pmu_events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/pmu_folder.hpp"
#include "tests/support/event_sources.hpp"

using namespace neuroperf;
using namespace neuroperf::collector;
using neuroperf::test::MadeUpMachine;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

struct PmuEvents : testing::Test {
	PmuEvents()
	{
		machine.pmu_file("cpu/type", "4\n");
		machine.pmu_file("cpu/format/event", "config:0-7,32-35\n");
		machine.pmu_file("cpu/format/umask", "config:8-15\n");
		machine.pmu_file("cpu/format/edge", "config:18\n");
		machine.pmu_file("cpu/format/ldlat", "config1:0-15\n");
		machine.pmu_file("cpu/format/wide", "config2:0-63\n");
		machine.pmu_file("cpu/format/broken", "config9:0-63\n");
		machine.pmu_file("cpu/events/mem-loads", "event=0xcd,umask=0x1,ldlat=3\n");
		machine.pmu_file("cpu/events/open", "event=1,umask=?\n");
		machine.pmu_file("power/type", "21\n");
		machine.pmu_file("power/format/event", "config:0-7\n");
		machine.pmu_file("power/cpumask", "0,4-5\n");
		machine.pmu_file("power/events/energy-pkg", "event=0x02\n");
		machine.pmu_file("power/events/energy-pkg.unit", "Joules\n");
		machine.pmu_file("power/events/energy-pkg.scale", "2.3283064365386962890625e-10\n");
		for (const char *name : {"uncore_imc_0", "uncore_imc_12", "uncore_imcx"}) {
			machine.pmu_file(std::string(name) + "/type", "30");
			machine.pmu_file(std::string(name) + "/format/event", "config:0-7");
		}
	}

	MadeUpMachine machine;
};

TEST(PmuField, Parses)
{
	const auto split = parse_pmu_field("config:0-7,32-35\n");
	ASSERT_TRUE(split);
	EXPECT_EQ(split->word, 0u);
	EXPECT_EQ(split->mask, 0xf000000ffu);
	EXPECT_EQ(split->max_value(), 0xfffu);
	EXPECT_EQ(split->place(0xabc), 0xa000000bcu);
	EXPECT_EQ(parse_pmu_field("config1:5")->mask, 0x20u);
	EXPECT_EQ(parse_pmu_field("config2:0-63")->max_value(), UINT64_MAX);
	EXPECT_EQ(parse_pmu_field("config2:0-63")->place(UINT64_MAX), UINT64_MAX);
	for (const char *text : {"", "config", "config:", "config3:0", "config:64", "config:7-0", "config:0-",
				 "config:0-7,", "config:0-7x", "period:0", "config:-1", "config:99999999999"})
		EXPECT_FALSE(parse_pmu_field(text)) << text;
}

TEST_F(PmuEvents, Fields)
{
	const RequestedEvent event =
		machine.event("cpu/event=0x13c,umask=0x2,edge,ldlat=30,wide=0x123456789abcdef0/kp");
	EXPECT_EQ(event.attr.type, 4u);
	EXPECT_EQ(event.attr.config, 0x10004023cu);
	EXPECT_EQ(event.attr.config1, 30u);
	EXPECT_EQ(event.attr.config2, 0x123456789abcdef0u);
	EXPECT_TRUE(event.attr.exclude_user && !event.attr.exclude_kernel);
	EXPECT_EQ(event.attr.precise_ip, 1u);
	EXPECT_EQ(event.name, "cpu/event=0x13c,umask=0x2,edge,ldlat=30,wide=0x123456789abcdef0/kp");
	EXPECT_EQ(machine.event("cpu/config=0x1,config1=2,config2=3,umask=1,name=foo/").attr.config, 0x101u);
	EXPECT_EQ(machine.event("cpu/umask=1,name=foo/u").name, "foo");
}

TEST_F(PmuEvents, NamedEvents)
{
	EXPECT_EQ(machine.event("cpu/mem-loads/").attr.config, 0x1cdu);
	EXPECT_EQ(machine.event("cpu/MEM-LOADS/").attr.config1, 3u);
	EXPECT_EQ(machine.event("cpu/event=mem-loads/").attr.config, 0x1cdu);
	EXPECT_EQ(machine.event("mem-loads:u").attr.config, 0x1cdu); // a bare word
	EXPECT_EQ(machine.event("mem-loads:u").name, "mem-loads:u");
	EXPECT_EQ(machine.event("cpu/open,umask=7/").attr.config, 0x701u);
	EXPECT_THAT(machine.error("cpu/open/"), HasSubstr("needs a value for umask"));
	const RequestedEvent energy = machine.event("power/energy-pkg/");
	EXPECT_EQ(energy.unit, "Joules");
	EXPECT_DOUBLE_EQ(energy.scale, 0x1p-32);
	EXPECT_THAT(energy.cpus, ElementsAre(0, 4, 5));
}

TEST_F(PmuEvents, SeveralPmus)
{
	for (const char *text : {"uncore_imc/event=1/", "imc/event=1/", "uncore_imc_*/event=1/"}) {
		const auto groups = machine.groups({text});
		ASSERT_TRUE(groups.ok()) << text << ": " << groups.error().what;
		EXPECT_EQ(groups->size(), 2u) << text; // each counts alone
	}
	EXPECT_EQ(machine.groups({"{uncore_imc/event=1/}"})->front().events.size(), 2u);
	EXPECT_EQ(machine.groups({"uncore_imcx/event=1/"})->size(), 1u);
}

TEST_F(PmuEvents, Errors)
{
	EXPECT_THAT(machine.error("cp/event=1/"),
		    HasSubstr("PMU \"cp\" is not on this machine; there are: cpu, power, "));
	EXPECT_THAT(machine.error("cpu/event=0x1000/"),
		    HasSubstr("event=0x1000 is too large; this field of PMU cpu holds at "
			      "most 0xfff"));
	EXPECT_THAT(machine.error("cpu/evnt=1/"), HasSubstr("no term or event \"evnt\"; did you mean event?"));
	EXPECT_THAT(machine.error("cpu/qqqqq/"), HasSubstr("it has: edge, event, ldlat"));
	EXPECT_THAT(machine.error("cpu/umask/"), HasSubstr("umask has no value"));
	EXPECT_THAT(machine.error("cpu/umask=many/"), HasSubstr("umask=many is no number"));
	EXPECT_THAT(machine.error("cpu/umask=1/x"), HasSubstr("\"x\" is not a modifier"));
	EXPECT_THAT(machine.error("cpu/call-graph=fp/"), HasSubstr("\"call-graph\" is not supported"));
	EXPECT_THAT(machine.error("cpu/broken=1/"), HasSubstr("no term or event \"broken\""));
	EXPECT_THAT(machine.error("../cpu/event/"), HasSubstr("third slash"));
	EXPECT_THAT(machine.error("../"), HasSubstr("closing slash"));
	EXPECT_THAT(machine.error("..//"), HasSubstr("PMU \"..\" is not"));
}

TEST_F(PmuEvents, DamagedFiles)
{
	machine.pmu_file("odd/type", "seven\n");
	EXPECT_THAT(machine.error("odd//"), HasSubstr("odd/type holds no number"));
	machine.pmu_file("large/type", std::string(100000, '1'));
	EXPECT_THAT(machine.error("large//"), HasSubstr("longer than 4096 bytes"));
	machine.pmu_file("cpu/events/long", "event=1" + std::string(10000, ','));
	EXPECT_THAT(machine.error("cpu/long/"), HasSubstr("cannot read the event long of PMU cpu"));
	machine.pmu_file("typeless/format/event", "config:0-7");
	EXPECT_THAT(machine.error("typeless/event=1/"), HasSubstr("typeless/type: No such file"));
}

} // namespace
