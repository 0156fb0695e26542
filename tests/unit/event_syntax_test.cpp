// SPDX-License-Identifier: Apache-2.0
// Names, codes, modifiers and messages. That all of it is what perf does: integration/event_syntax_truth_test.py.
#include "collector/event_syntax.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/generic_events.hpp"
#include "collector/near_names.hpp"
#include "tests/support/event_sources.hpp"

using namespace neuroperf;
using namespace neuroperf::collector;
using neuroperf::test::MadeUpMachine;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

std::string excluded(const perf_event_attr &attr)
{
	std::string text;
	for (const auto &[is_excluded, letter] : {std::pair{attr.exclude_user, 'u'},
						  {attr.exclude_kernel, 'k'},
						  {attr.exclude_hv, 'h'},
						  {attr.exclude_host, 'H'},
						  {attr.exclude_guest, 'G'},
						  {attr.exclude_idle, 'I'}})
		if (is_excluded)
			text += letter;
	return text;
}

TEST(EventSyntax, GenericNames)
{
	const struct {
		const char *name;
		uint32_t type;
		uint64_t config;
	} kKnown[] = {
		{"cycles", PERF_TYPE_HARDWARE, 0},
		{"cpu-cycles", PERF_TYPE_HARDWARE, 0},
		{"branches", PERF_TYPE_HARDWARE, 4},
		{"idle-cycles-backend", PERF_TYPE_HARDWARE, 8},
		{"cs", PERF_TYPE_SOFTWARE, 3},
		{"cgroup-switches", PERF_TYPE_SOFTWARE, 11},
		{"L1-dcache-loads", PERF_TYPE_HW_CACHE, 0},
		{"LLC-load-misses", PERF_TYPE_HW_CACHE, 0x10002},
		{"l1d-miss", PERF_TYPE_HW_CACHE, 0x10000},
		{"LLC-misses-loads", PERF_TYPE_HW_CACHE, 0x10002},
		{"branch", PERF_TYPE_HW_CACHE, 5},
		{"node-prefetch-misses", PERF_TYPE_HW_CACHE, 0x10206},
		{"r1a8", PERF_TYPE_RAW, 0x1a8},
		{"rffffffffffffffff", PERF_TYPE_RAW, UINT64_MAX},
		{"9:0x10", 9, 0x10},
		{"dTLB-speculative-read-access", PERF_TYPE_HW_CACHE, 0x203},
	};
	const MadeUpMachine machine;
	for (const auto &known : kKnown) {
		const RequestedEvent event = machine.event(known.name);
		EXPECT_EQ(event.name, known.name);
		EXPECT_EQ(event.attr.type, known.type) << known.name;
		EXPECT_EQ(event.attr.config, known.config) << known.name;
		EXPECT_EQ(event.attr.size, recording::kAttrSize);
		EXPECT_EQ(excluded(event.attr), "G") << known.name;
	}
	for (const char *name : {"L1-icache-stores", "LLC-loads-stores", "LLC-", "LLC-loads-", "Cycles", "r", "rg",
				 "r10000000000000000", "branches-loads", "4294967296:1", "LLC-loads-misses-refs"})
		EXPECT_THAT(machine.error(name), HasSubstr(name)) << name;
}

TEST(EventSyntax, Modifiers)
{
	const struct {
		const char *modifiers, *excluded;
		unsigned precise;
	} kKnown[] = {{"u", "khG", 0}, {"k", "uh", 0},    {"uk", "hG", 0},  {"h", "uk", 0},
		      {"G", "H", 0},   {"GH", "", 0},     {"uG", "khH", 0}, {"ppp", "G", 3},
		      {"P", "", 3},    {"kpp", "uhG", 2}, {"Ip", "GI", 1}};
	const MadeUpMachine machine;
	for (const auto &known : kKnown) {
		const RequestedEvent event = machine.event(std::string("cycles:") + known.modifiers);
		EXPECT_EQ(excluded(event.attr), known.excluded) << known.modifiers;
		EXPECT_EQ(event.attr.precise_ip, known.precise) << known.modifiers;
	}
	EXPECT_TRUE(machine.event("cycles:P").most_precise);
	EXPECT_TRUE(machine.event("cycles:D").attr.pinned);
	EXPECT_TRUE(machine.event("cycles:e").attr.exclusive);
	EXPECT_TRUE(machine.event("cycles:W").weak_group);
}

TEST(EventSyntax, ModifiersOfGroups)
{
	const MadeUpMachine machine;
	const auto groups = machine.groups({"{cycles:u,cs}:kSD", "faults,g{cs:P}:u"});
	ASSERT_TRUE(groups.ok()) << groups.error().what;
	ASSERT_EQ(groups->size(), 3u);
	const std::vector<RequestedEvent> &members = (*groups)[0].events;
	ASSERT_EQ(members.size(), 2u);
	EXPECT_EQ(excluded(members[0].attr), "hG");
	EXPECT_EQ(excluded(members[1].attr), "uhG");
	EXPECT_TRUE(members[0].sample_group && members[1].sample_group);
	EXPECT_TRUE(members[0].attr.pinned); // the leader is
	EXPECT_FALSE(members[1].attr.pinned);
	EXPECT_EQ(members[0].name, "cycles:u");
	EXPECT_FALSE((*groups)[1].events[0].sample_group);
	EXPECT_EQ((*groups)[2].name, "g");
	EXPECT_EQ((*groups)[2].events[0].attr.precise_ip, 3); // not lost to the group's
}

TEST(EventSyntax, TermsOfGenericEvents)
{
	const MadeUpMachine machine;
	const RequestedEvent event = machine.event("cycles/period=1000,name='a,b'/u");
	EXPECT_EQ(event.name, "a,b");
	EXPECT_EQ(event.period, 1000u);
	EXPECT_EQ(event.frequency_hz, std::nullopt);
	EXPECT_EQ(excluded(event.attr), "khG");
	EXPECT_EQ(machine.event("cs/freq=9/").frequency_hz, 9u);
	EXPECT_THAT(machine.error("cycles/period=0/"), HasSubstr("takes no samples"));
	EXPECT_THAT(machine.error("cycles/period=x/"), HasSubstr("period=x is no number"));
	EXPECT_THAT(machine.error("cycles/call-graph=fp/"), HasSubstr("no term \"call-graph\""));
}

TEST(EventSyntax, ErrorsSayWhatWasMeant)
{
	const MadeUpMachine machine;
	EXPECT_EQ(machine.error("cycels"), "event \"cycels\": unknown event; did you mean cycles?");
	EXPECT_THAT(machine.error("LLC-load-mises"), HasSubstr("did you mean LLC-load-misses"));
	EXPECT_THAT(machine.error("cycles:x"), HasSubstr("\"x\" is not a modifier"));
	EXPECT_THAT(machine.error("cycles:uu"), HasSubstr("the modifier u stands twice"));
	EXPECT_THAT(machine.error("cycles:pppp"), HasSubstr("more than 3 p"));
	EXPECT_THAT(machine.error("{cycles:pp}:pp"), HasSubstr("more than 3 p"));
	EXPECT_THAT(machine.error("cycles:u:k"), HasSubstr("is not a modifier"));
	EXPECT_THAT(machine.error("cycles:b"), HasSubstr("\"b\" is not a modifier"));
	EXPECT_THAT(machine.error("mem:0x1000:rw"), HasSubstr("breakpoints are not supported"));
	EXPECT_THAT(machine.error("duration_time"), HasSubstr("no event"));
}

TEST(EventSyntax, CountsOverAllTexts)
{
	std::string many = "cs";
	for (int i = 1; i < 600; i++)
		many += ",cs";
	const MadeUpMachine machine;
	EXPECT_TRUE(machine.groups({many}).ok());
	const auto groups = machine.groups({many, many});
	ASSERT_FALSE(groups.ok());
	EXPECT_THAT(groups.error().what, HasSubstr("more than 1000"));
}

TEST(EventSyntax, GenericEventsOfHybridCpus)
{
	MadeUpMachine machine;
	for (const auto &[name, type, cpus] : {std::tuple{"cpu_core", "4", "0-1"}, {"cpu_atom", "10", "2,5"}}) {
		machine.pmu_file(std::string(name) + "/type", type);
		machine.pmu_file(std::string(name) + "/cpus", cpus);
	}
	const auto groups = machine.groups({"{cycles:u,cs}", "r12", "faults"});
	ASSERT_TRUE(groups.ok());
	ASSERT_EQ(groups->size(), 5u);
	const EventGroup &atom = (*groups)[0]; // in the order of their names
	EXPECT_EQ(atom.events[0].attr.config, uint64_t{10} << 32);
	EXPECT_EQ(atom.events[0].name, "cpu_atom/cycles:u/");
	EXPECT_THAT(atom.events[0].cpus, ElementsAre(2, 5));
	EXPECT_EQ(atom.events[1].name, "cs");
	EXPECT_THAT((*groups)[1].events[0].cpus, ElementsAre(0, 1));
	EXPECT_EQ((*groups)[2].events[0].attr.type, 10u);
	EXPECT_EQ((*groups)[3].events[0].attr.type, 4u);
	EXPECT_EQ((*groups)[4].events[0].name, "faults");
}

TEST(NearNames, NearestFirst)
{
	EXPECT_THAT(near_names("cycels", generic_event_names()), ElementsAre("cycles"));
	EXPECT_THAT(near_names("fault", generic_event_names()), testing::Contains("faults"));
	EXPECT_THAT(near_names("zzzzzz", generic_event_names()), ElementsAre());
	EXPECT_EQ(did_you_mean("swich", {"sched_switch", "swicth"}), "did you mean swicth?");
	EXPECT_EQ(some_of({"a", "b", "c"}, 2), "a, b, ...");
}

} // namespace
