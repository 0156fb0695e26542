// SPDX-License-Identifier: Apache-2.0
#include "collector/tracepoint_events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/event_sources.hpp"

using namespace neuroperf;
using namespace neuroperf::collector;
using neuroperf::test::MadeUpMachine;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

struct TracepointEvents : testing::Test {
	TracepointEvents()
	{
		machine.tracepoint("sched", "sched_switch", 100);
		machine.tracepoint("sched", "sched_wakeup", 101);
		machine.tracepoint("irq", "softirq_entry", 200);
		machine.tracepoint("gpu", "he", 300); // could be taken for modifiers
	}

	std::vector<std::string> names(const std::string &text)
	{
		std::vector<std::string> names;
		const auto groups = machine.groups({text});
		if (!groups.ok())
			return {groups.error().what};
		for (const EventGroup &group : *groups)
			for (const RequestedEvent &event : group.events)
				names.push_back(event.name);
		return names;
	}

	MadeUpMachine machine;
};

TEST_F(TracepointEvents, ByName)
{
	const RequestedEvent event = machine.event("sched:sched_switch:k");
	EXPECT_EQ(event.attr.type, unsigned{PERF_TYPE_TRACEPOINT});
	EXPECT_EQ(event.attr.config, 100u);
	EXPECT_TRUE(event.attr.exclude_user);
	EXPECT_EQ(event.name, "sched:sched_switch"); // as perf: without modifiers
	EXPECT_EQ(event.tracepoint_system, "sched");
	EXPECT_EQ(event.tracepoint_name, "sched_switch");
	EXPECT_EQ(event.tracepoint_format, "name: sched_switch\nID: 100\nformat:\n");
	EXPECT_EQ(machine.event("gpu:he").attr.config, 300u);
	EXPECT_EQ(machine.event("sched:sched_switch/period=5,name=foo/").name, "foo");
}

TEST_F(TracepointEvents, Patterns)
{
	EXPECT_THAT(names("sched:*"), ElementsAre("sched:sched_switch", "sched:sched_wakeup"));
	EXPECT_THAT(names("*:s*_[es]*"), ElementsAre("irq:softirq_entry", "sched:sched_switch"));
	EXPECT_EQ(machine.groups({"{sched:*}:u"})->size(), 1u);
	EXPECT_EQ(machine.groups({"sched:*:u"})->size(), 2u);
	std::string stars = "sched:";
	for (int i = 0; i < 1000; i++)
		stars += "*s";
	EXPECT_THAT(names(stars), ElementsAre(HasSubstr("no tracepoint"))); // at once
}

TEST_F(TracepointEvents, Errors)
{
	EXPECT_THAT(machine.error("sched:sched_swtch"),
		    HasSubstr("no tracepoint sched:sched_swtch; tracefs is at " + machine.folder().file("tracing") +
			      "; did you mean sched_switch?"));
	EXPECT_THAT(machine.error("shed:sched_switch"), HasSubstr("did you mean sched?"));
	EXPECT_THAT(machine.error("sched:.."), HasSubstr("no tracepoint"));
	EXPECT_THAT(machine.error("sched:enable"), HasSubstr("no tracepoint"));
	EXPECT_THAT(machine.error("sched:sched_switch/config=3/"), HasSubstr("no term \"config\""));
	const EventSources unmounted{"/nonexistent", machine.folder().file("elsewhere"), false};
	const auto groups = parse_events({"sched:sched_switch"}, unmounted);
	ASSERT_FALSE(groups.ok());
	EXPECT_THAT(groups.error().what, HasSubstr("tracefs is not mounted at " + machine.folder().file("elsewhere")));
	EXPECT_THAT(groups.error().hint, HasSubstr("mount -t tracefs"));
}

TEST_F(TracepointEvents, TooMany)
{
	for (unsigned i = 0; i < 1001; i++)
		machine.tracepoint("many", "event" + std::to_string(i), 1000 + i);
	EXPECT_THAT(machine.error("many:*"), HasSubstr("matches 1001 tracepoints, more than 1000"));
	EXPECT_EQ(names("many:event1??").size(), 100u);
}

} // namespace
