// SPDX-License-Identifier: Apache-2.0
#include "analyzer/device_states.hpp"

#include <gtest/gtest.h>

#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using recording::JobMoment;

TEST(DeviceStates, HoldUntilTheNext)
{
	recording::DriverRule power, clock;
	power.quantity = "power";
	clock.quantity = "clock";
	clock.unit = "Hz";
	const test::TemporaryFolder folder;
	test::RecordingBuilder(folder.path() + "/a.data").finish();
	const auto reader = recording::PerfDataReader::open(folder.path() + "/a.data");
	ASSERT_TRUE(reader.ok());
	const DriverEvents drivers(*reader, {});
	DeviceStates states(drivers);
	states.set_window({100, 1000});
	const auto state = [&](uint64_t time_ns, std::string_view name, std::string_view device = "npu0") {
		JobEvent told;
		told.driver = "NPU";
		told.moment = JobMoment::state;
		told.rule = &power;
		told.state = name;
		told.device = device;
		states.take(told, time_ns);
	};
	const auto value = [&](uint64_t time_ns, uint64_t hz) {
		JobEvent told;
		told.driver = "NPU";
		told.moment = JobMoment::value;
		told.rule = &clock;
		told.value = hz;
		states.take(told, time_ns);
	};
	state(50, "off"); // before the window, and into it
	value(60, 10);
	state(150, "on");
	value(200, 40);
	state(300, "off", "npu1");
	state(350, "off");
	states.lost(400); // what comes then is not known
	value(600, 20);
	state(600, "on");
	states.finish(1500);
	ASSERT_EQ(states.states().size(), 2u);
	const auto &npu0 = states.states().begin()->second;
	EXPECT_EQ(npu0.at("off").total_ns, 50u + 50u);
	EXPECT_EQ(npu0.at("off").times, 1u) << "the first one was before the window";
	EXPECT_EQ(npu0.at("on").total_ns, 200u + 400u);
	EXPECT_EQ(npu0.at("on").times, 2u);
	ASSERT_EQ(states.values().size(), 1u);
	const DeviceStates::Values &values = states.values().begin()->second;
	EXPECT_EQ(states.values().begin()->first.unit, "Hz");
	EXPECT_EQ(values.told, 2u);
	EXPECT_EQ(values.least, 10u);
	EXPECT_EQ(values.most, 40u);
	EXPECT_EQ(values.last, 20u);
	EXPECT_EQ(values.known_ns, 100u + 200u + 400u);
	EXPECT_DOUBLE_EQ(values.mean(), (100. * 10 + 200. * 40 + 400. * 20) / 700);
}

TEST(DeviceStates, OfAHostEndWhereAnotherRecorderMayHaveThem)
{
	recording::DriverRule of_host, of_program;
	of_host.event = "npu:power";
	of_program.event = "npu:mode";
	of_host.quantity = "power";
	of_program.quantity = "mode";
	const test::TemporaryFolder folder;
	test::RecordingBuilder(folder.path() + "/a.data").finish();
	const auto reader = recording::PerfDataReader::open(folder.path() + "/a.data");
	ASSERT_TRUE(reader.ok());
	const DriverEvents drivers(*reader, {});
	DeviceStates states(drivers, {"npu:power"});
	states.set_window({0, 1000});
	for (const recording::DriverRule *rule : {&of_host, &of_program}) {
		JobEvent told;
		told.driver = "NPU";
		told.moment = JobMoment::state;
		told.rule = rule;
		told.state = "on";
		states.take(told, 100);
	}
	states.leave_host(300);
	states.finish(500);
	const auto on_ns = [&](const char *quantity, bool is_of_host) {
		return states.states().at({"NPU", "", "", quantity, "", is_of_host}).at("on").total_ns;
	};
	EXPECT_EQ(on_ns("power", true), 200u);
	EXPECT_EQ(on_ns("mode", false), 400u);
}

} // namespace
} // namespace neuroperf::analyzer
