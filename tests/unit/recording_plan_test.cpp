// SPDX-License-Identifier: Apache-2.0
#include "collector/recording_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

using testing::ElementsAre;

std::vector<std::string> texts(const RecordOptions &options, const Plan &plan = {})
{
	std::vector<std::string> texts;
	for (const PlanItem &item : recording_items(plan, options, {}))
		texts.push_back(item.what + ": " + item.detail);
	return texts;
}

Plan with_events()
{
	Plan plan;
	plan.events.resize(1);
	plan.events[0].cpus = {0, 1, 2};
	return plan;
}

TEST(RecordingPlan, OfAProgram)
{
	RecordOptions options;
	options.command = {"true"};
	EXPECT_THAT(texts(options, with_events()),
		    ElementsAre("time: from the start, until the program ends", "file: neuroperf.data",
				"memory: rings of 512 KiB a CPU for perf events (1536 KiB in all), up to 24 MiB for "
				"each thread of the program that tells layers"));
}

TEST(RecordingPlan, EveryOptionIsTold)
{
	RecordOptions options;
	options.whole_machine = true;
	options.delay_ms = 250;
	options.duration_s = 2.5;
	options.output = "x.%p.data";
	options.compression_level = 3;
	options.switch_bytes = 5000;
	options.switch_s = 60;
	options.max_bytes = uint64_t{3} << 30;
	options.ring_bytes = 64 << 10;
	Plan plan = with_events();
	plan.ring_pages = 16;
	plan.events[0].by_bpf = true;
	plan.attach = true;
	EXPECT_THAT(
		texts(options, plan),
		ElementsAre("time: from 250 ms on, for at most 2.5 s after the start",
			    "file: x.%p.data, compressed (zstd, level 3), a new one each 4 KiB, a new one each 60 s, "
			    "at most 3072 MiB in all",
			    "memory: rings of 64 KiB a CPU for perf events (192 KiB in all), 64 KiB a CPU for "
			    "tracepoints (192 KiB in all), 8 MiB for layers of running programs"));
}

TEST(RecordingPlan, RingsOfTracepointsShareWhatThereIs)
{
	EXPECT_EQ(tracepoint_ring_bytes({}, 1), 4u << 20);
	EXPECT_EQ(tracepoint_ring_bytes({}, 64), 1u << 20);
	EXPECT_EQ(tracepoint_ring_bytes({}, 100), 512u << 10);
	EXPECT_EQ(tracepoint_ring_bytes({}, 4096), 256u << 10);
	EXPECT_EQ(tracepoint_ring_bytes({}, 0), 4u << 20);
}

} // namespace
} // namespace neuroperf::collector
