// SPDX-License-Identifier: Apache-2.0
// What is listed for -e on machines that are not there, and how it is shown.
#include "collector/event_catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <unistd.h>

#include "tests/privileged/require.hpp"
#include "tests/support/event_sources.hpp"
#include "viewer/render/event_list.hpp"

namespace neuroperf::collector {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

enum Kind { hardware, software, caches, pmus, libpfm4, tracepoints };

struct EventCatalogue : testing::Test {
	EventCatalogue()
	{
		machine.pmu_file("cpu/type", "4\n");
		machine.pmu_file("cpu/format/event", "config:0-7\n");
		machine.pmu_file("cpu/format/umask", "config:8-15\n");
		machine.pmu_file("cpu/events/mem-loads", "event=0xcd,umask=0x1\n");
		machine.pmu_file("cpu/events/open", "event=1,umask=?\n");
		machine.pmu_file("power/type", "21\n");
		machine.pmu_file("power/format/event", "config:0-7\n");
		machine.pmu_file("power/events/energy-pkg", "event=0x02\n");
		machine.pmu_file("power/events/energy-pkg.unit", "Joules\n");
		machine.tracepoint("sched", "sched_switch", 1);
		machine.tracepoint("sched", "sched_wakeup", 2);
		machine.tracepoint("irq", "irq_handler_entry", 3);
	}

	std::vector<EventKind> listed(const std::string &pattern = "")
	{
		return list_events(machine.sources(), WordFilter(pattern), trial);
	}
	std::string shown(const std::string &pattern = "")
	{
		return viewer::render_event_list(listed(pattern), WordFilter(pattern));
	}
	std::vector<std::string> texts(Kind kind, const std::string &pattern = "")
	{
		std::vector<std::string> texts;
		const std::vector<EventKind> kinds = listed(pattern);
		for (const EventFamily &family : kinds.at(kind).families)
			for (const CataloguedEvent &event : family.events)
				texts.push_back(event.text);
		return texts;
	}

	test::MadeUpMachine machine;
	EventTrial trial = [](const RequestedEvent &) { return Availability{}; };
};

TEST_F(EventCatalogue, EveryTextThatIsThereIsTaken)
{
	std::size_t taken = 0;
	for (const EventKind &kind : listed("*"))
		for (const EventFamily &family : kind.families)
			for (const CataloguedEvent &event : family.events) {
				const auto parsed = machine.groups({event.text});
				EXPECT_EQ(parsed.ok(), event.here.works) << event.text;
				taken += parsed.ok() ? 1 : 0;
			}
	EXPECT_GT(taken, 50u);
}

TEST_F(EventCatalogue, NamesOfOneEventStandTogether)
{
	const std::vector<EventKind> kinds = listed("cycles");
	const std::vector<CataloguedEvent> &events = kinds.at(hardware).families.at(0).events;
	EXPECT_EQ(events.at(0).text, "cycles");
	EXPECT_THAT(events.at(0).also, ElementsAre("cpu-cycles"));
	EXPECT_THAT(texts(software, "cs"), ElementsAre("context-switches")) << "found by its other name";
	EXPECT_THAT(texts(caches, "llc-*"), ElementsAre("LLC-loads", "LLC-load-misses", "LLC-stores",
							"LLC-store-misses", "LLC-prefetches", "LLC-prefetch-misses"));
}

TEST_F(EventCatalogue, EventsOfPmusWithTheirTerms)
{
	EXPECT_THAT(texts(pmus), ElementsAre("cpu/mem-loads/", "cpu/open/", "power/energy-pkg/"));
	EXPECT_THAT(texts(pmus, "mem-*"), ElementsAre("cpu/mem-loads/")) << "by the name without its PMU";
	EXPECT_THAT(texts(pmus, "power"), ElementsAre("power/energy-pkg/"));
	EXPECT_THAT(shown(), HasSubstr("  cpu/mem-loads/     event=0xcd,umask=0x1\n"));
	EXPECT_THAT(shown(), HasSubstr("  power/energy-pkg/  event=0x02, in Joules\n"));
	EXPECT_THAT(shown("open"), HasSubstr("n/a: event \"cpu/open/\": the event needs a value for umask (add umask=N "
					     "between the slashes)"));
}

TEST_F(EventCatalogue, Tracepoints)
{
	EXPECT_THAT(texts(tracepoints),
		    ElementsAre("irq:irq_handler_entry", "sched:sched_switch", "sched:sched_wakeup"));
	EXPECT_THAT(texts(tracepoints, "SCHED:*_switch"), ElementsAre("sched:sched_switch"));
	EXPECT_THAT(texts(tracepoints, "irq_*"), ElementsAre("irq:irq_handler_entry"));
}

TEST_F(EventCatalogue, LongListsAreCountedUnlessTheyAreAskedFor)
{
	for (unsigned i = 0; i < 50; i++)
		machine.tracepoint("many", "event" + std::to_string(i), 100 + i);
	EXPECT_THAT(shown(), AllOf(HasSubstr("  irq: 1 tracepoint\n  many: 50 tracepoints\n  sched: 2 tracepoints\n"),
				   Not(HasSubstr("many:event7")), HasSubstr("list events PATTERN")));
	EXPECT_THAT(shown("many"), AllOf(HasSubstr("  many:event7\n"), Not(HasSubstr("50 tracepoints"))));
}

TEST_F(EventCatalogue, WhatTheMachineDoesNotOfferIsNotShownAsThere)
{
	trial = [](const RequestedEvent &event) {
		return event.attr.type == PERF_TYPE_SOFTWARE ? Availability{} : Availability{false, "no such counter"};
	};
	const std::string all = shown();
	EXPECT_THAT(all, HasSubstr("Hardware events\n  10 events, n/a: no such counter\n"));
	EXPECT_THAT(all, HasSubstr("  cpu-clock\n"));
	EXPECT_THAT(shown("instructions"), HasSubstr("  instructions  n/a: no such counter\n"));
	trial = [](const RequestedEvent &) { return Availability{true, "of user space only, as this user"}; };
	EXPECT_THAT(shown("instructions"), HasSubstr("  instructions  of user space only, as this user\n"));
}

TEST_F(EventCatalogue, TracefsThatIsNotThereIsSaidWithARemedy)
{
	std::filesystem::remove_all(machine.sources().tracefs);
	const std::string expected = "Tracepoints\n  n/a: tracefs is not mounted at " + machine.sources().tracefs +
				     " (as root: mount -t tracefs tracefs ";
	EXPECT_THAT(shown(), HasSubstr(expected));
	EXPECT_THAT(shown("sched"), HasSubstr(expected)) << "not: nothing matches";
}

TEST_F(EventCatalogue, NothingMatches)
{
	EXPECT_EQ(shown("no\x1bsuch"), "no event that this machine names matches no\\x1bsuch\n");
	std::filesystem::remove_all(machine.sources().pmu_folder);
	EXPECT_THAT(shown(), HasSubstr("n/a: there are no PMUs in "));
}

TEST_F(EventCatalogue, NamesCannotSteerTheTerminal)
{
	machine.pmu_file("cpu/events/e\x1b[31m", "event=1,\x1b]0;x\x07=2\n");
	machine.pmu_file("p\nq/type", "7");
	machine.pmu_file("p\nq/events/e", "event=1");
	machine.tracepoint("s\x9b", "t\x1b[2J", 9);
	for (const std::string &text : {shown(), shown("*")}) {
		EXPECT_EQ(text.find('\x1b'), text.npos);
		EXPECT_EQ(text.find('\x07'), text.npos);
		EXPECT_EQ(text.find('\x9b'), text.npos);
		EXPECT_EQ(text.find("p\nq"), text.npos);
	}
	EXPECT_THAT(shown("*"),
		    AllOf(HasSubstr("cpu/e\\x1b[31m/"), HasSubstr("s\\x9b:t\\x1b[2J"), HasSubstr("p\\x0aq/e/")));
}

TEST_F(EventCatalogue, DamagedPmusAreLeftOutOrSaid)
{
	machine.pmu_file("odd/type", "seven\n");
	machine.pmu_file("odd/events/lost", "event=1\n");
	machine.pmu_file("cpu/events/long", "event=1" + std::string(10000, ','));
	EXPECT_THAT(texts(pmus, "lost"), IsEmpty());
	EXPECT_THAT(shown("long"), HasSubstr("  cpu/long/  n/a: event \"cpu/long/\": cannot read the event long"));
}

TEST(EventTrial, SoftwareEventsAreTriedForReal)
{
	RequestedEvent event = requested_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK);
	test::require(try_event(event).works != false, "perf", "perf events are not allowed here");
	if (IsSkipped() || HasFatalFailure())
		return;
	event.attr.config = 0x7fff;
	EXPECT_FALSE(try_event(event).works);
	EXPECT_EQ(try_event(event).reason, "this machine does not offer it");
	event.attr.type = 0x7ffffff;
	EXPECT_FALSE(try_event(event).works);
}

} // namespace
} // namespace neuroperf::collector
