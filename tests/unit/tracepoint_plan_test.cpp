// SPDX-License-Identifier: Apache-2.0
// Which tracepoints a BPF program records, on machines that are not there.
#include "collector/tracepoint_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "collector/bpf_tracepoints.hpp"

namespace neuroperf::collector {
namespace {

using testing::HasSubstr;

constexpr const char *kFormat = "name: exec\nID: 300\nformat:\n"
				"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
				"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
				"\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n"
				"\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n\n"
				"print fmt: \"pid=%d\", REC->pid\n";

RequestedEvent tracepoint()
{
	RequestedEvent event = requested_event(PERF_TYPE_TRACEPOINT, 300);
	event.name = "sched:exec";
	event.tracepoint_system = "sched";
	event.tracepoint_name = "exec";
	event.tracepoint_format = kFormat;
	return event;
}

HostSnapshot root()
{
	HostSnapshot host;
	host.online_cpus = {0, 1};
	host.is_root = true;
	host.bpf_error = 0;
	host.kernel_types = true;
	return host;
}

struct TracepointPlan : testing::Test {
	bool by_bpf() const { return is_recorded_by_bpf({"", events}, options, host, target); }
	std::vector<RequestedEvent> events = {tracepoint()};
	RecordOptions options;
	HostSnapshot host = root();
	Target target;
};

TEST_F(TracepointPlan, OfAProgramAreRecordedByBpf)
{
	EXPECT_TRUE(by_bpf());
	const Plan plan = make_plan(options, host, target, {{"", events}});
	ASSERT_EQ(plan.events.size(), 2u) << "something else must tell of programs and mappings";
	EXPECT_EQ(plan.events[0].name, "dummy:u");
	EXPECT_TRUE(plan.events[1].by_bpf);
	ASSERT_FALSE(plan.items.empty());
	EXPECT_EQ(plan.items[0].detail, "sched:exec each time, by a BPF program");
	EXPECT_EQ(plan.tracing_systems().size(), 1u);
}

TEST_F(TracepointPlan, WhatBpfCannotDoIsForPerfEvents)
{
	options.callgraph = CallGraph::frame_pointers;
	EXPECT_FALSE(by_bpf());
	options = {};
	options.period = 2;
	EXPECT_FALSE(by_bpf());
	options = {};
	options.threads = {100};
	EXPECT_FALSE(by_bpf()) << "a thread is not a process";
	options = {};
	options.cpus = {1};
	EXPECT_FALSE(by_bpf());
	options = {};
	options.user_only = true;
	EXPECT_FALSE(by_bpf());
	options = {};
	target.kind = Target::Kind::control_group;
	EXPECT_FALSE(by_bpf());
	target.kind = Target::Kind::machine;
	EXPECT_TRUE(by_bpf());
	events.push_back(tracepoint());
	EXPECT_FALSE(by_bpf()) << "of a group, the counts belong together";
}

TEST_F(TracepointPlan, EventsWithAPeriodOfTheirOwn)
{
	events[0].period = 1;
	EXPECT_TRUE(by_bpf());
	events[0].period = 10;
	EXPECT_FALSE(by_bpf());
	events[0].period.reset();
	events[0].frequency_hz = 100;
	EXPECT_FALSE(by_bpf());
}

TEST_F(TracepointPlan, WithoutBpfTheReasonAndTheRemedyAreTold)
{
	host.bpf_error = EPERM;
	host.is_root = false;
	EXPECT_FALSE(by_bpf());
	const Plan plan = make_plan(options, host, target, {{"", events}});
	const auto item = tracepoints_item(plan, options, host);
	ASSERT_TRUE(item.has_value());
	EXPECT_EQ(item->state, PlanItem::State::degraded);
	EXPECT_THAT(item->remedy, HasSubstr("setcap cap_perfmon,cap_bpf+ep"));
	host = root();
	host.kernel_types = false;
	EXPECT_FALSE(by_bpf());
	const auto without_types = tracepoints_item(make_plan(options, host, target, {{"", events}}), options, host);
	ASSERT_TRUE(without_types.has_value());
	EXPECT_THAT(without_types->remedy, HasSubstr("CONFIG_DEBUG_INFO_BTF"));
	options.no_bpf = true; // the user's own wish needs no remedy
	EXPECT_FALSE(tracepoints_item(make_plan(options, host, target, {{"", events}}), options, host).has_value());
}

TEST(CanRecordByBpf, FormatsThatTheProgramCannotMeasure)
{
	EXPECT_TRUE(can_record_by_bpf(kFormat));
	EXPECT_FALSE(can_record_by_bpf(""));
	const auto with_field = [](const std::string &field) {
		std::string format = kFormat;
		return format.replace(format.find("\nprint"), 1, "\tfield:" + field + "\n\n");
	};
	EXPECT_TRUE(can_record_by_bpf(with_field("int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;")));
	EXPECT_FALSE(can_record_by_bpf(with_field("int __syscall_nr;\toffset:12;\tsize:4;\tsigned:1;")));
	EXPECT_TRUE(can_record_by_bpf(with_field("u64 a[2];\toffset:16;\tsize:16;\tsigned:0;")));
	EXPECT_FALSE(can_record_by_bpf(with_field("u64 a;\toffset:8190;\tsize:8;\tsigned:0;")))
		<< "no record is so long";
	EXPECT_FALSE(can_record_by_bpf(with_field("u64 a;\toffset:4294967295;\tsize:8;\tsigned:0;")));
	EXPECT_FALSE(can_record_by_bpf(with_field("__rel_loc char[] a;\toffset:16;\tsize:4;\tsigned:0;")));
	std::string many;
	for (int i = 0; i < 9; i++)
		many += "__data_loc char[] a" + std::to_string(i) + ";\toffset:" + std::to_string(16 + 4 * i) +
			";\tsize:4;\tsigned:0;" + (i < 8 ? "\n\tfield:" : "");
	EXPECT_FALSE(can_record_by_bpf(with_field(many)));
}

} // namespace
} // namespace neuroperf::collector
