// SPDX-License-Identifier: Apache-2.0
#include "analyzer/worker_time.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

constexpr auto kCaller = static_cast<ThreadId>(0), kOther = static_cast<ThreadId>(1);
constexpr auto kWorker = static_cast<ThreadId>(2), kSecond = static_cast<ThreadId>(3);

TEST(WorkerTime, BelongsToTheCallerThatWokeTheWorker)
{
	WorkerTime time;
	EXPECT_EQ(time.of(kCaller, 100), 0u);
	EXPECT_EQ(time.of(kOther, 100), 0u);
	time.switched_in(kWorker, 110, kCaller);
	EXPECT_EQ(time.of(kCaller, 130), 20u) << "it still runs";
	time.switched_out(kWorker, 150);
	EXPECT_EQ(time.of(kCaller, 200), 40u);
	time.switched_in(kWorker, 210, std::nullopt); // it was woken by nobody we know: it goes on for the same
	time.switched_out(kWorker, 215);
	EXPECT_EQ(time.of(kCaller, 220), 45u);
	time.switched_in(kWorker, 220, kOther);
	EXPECT_EQ(time.of(kCaller, 230), 45u);
	EXPECT_EQ(time.of(kOther, 230), 10u);
}

TEST(WorkerTime, ReachesThroughOtherWorkers)
{
	WorkerTime time;
	time.of(kCaller, 100);
	time.switched_in(kWorker, 100, kCaller);
	time.switched_in(kSecond, 105, kWorker);
	EXPECT_EQ(time.of(kCaller, 110), 10u + 5u);
}

TEST(WorkerTime, ThreadsWorkForWhomStartedThem)
{
	WorkerTime time;
	time.of(kCaller, 100);
	time.started(kWorker, kCaller);
	time.switched_in(kWorker, 100, std::nullopt);
	time.started(kSecond, kWorker);
	time.switched_in(kSecond, 100, std::nullopt);
	EXPECT_EQ(time.of(kCaller, 110), 20u);
	time.started(kSecond, kOther); // another one with its number, of a thread that is no caller
	EXPECT_EQ(time.of(kCaller, 120), 30u);
	time.switched_in(kSecond, 120, std::nullopt);
	EXPECT_EQ(time.of(kOther, 150), 0u);
	EXPECT_EQ(time.of(kCaller, 150), 60u);
}

TEST(WorkerTime, CallersWorkForThemselves)
{
	WorkerTime time;
	time.of(kCaller, 100);
	time.switched_in(kWorker, 100, kCaller);
	EXPECT_EQ(time.of(kWorker, 120), 0u) << "it is a caller from now on";
	EXPECT_EQ(time.of(kCaller, 150), 20u);
	time.switched_out(kWorker, 160);
	time.switched_in(kWorker, 170, kCaller);
	time.switched_in(kCaller, 170, kCaller);
	EXPECT_EQ(time.of(kCaller, 200), 20u);
}

TEST(WorkerTime, AfterLossesNobodyIsKnownToRun)
{
	WorkerTime time;
	time.of(kCaller, 100);
	time.switched_in(kWorker, 100, kCaller);
	time.lost();
	EXPECT_EQ(time.of(kCaller, 150), 0u);
	time.switched_out(kWorker, 160);
	time.switched_in(kWorker, 170, std::nullopt);
	EXPECT_EQ(time.of(kCaller, 175), 5u);
}

TEST(WorkerTime, NeverGoesBack)
{
	WorkerTime time;
	time.of(kCaller, 100);
	time.switched_in(kWorker, 100, kCaller);
	time.switched_in(kWorker, 90, kCaller);
	EXPECT_EQ(time.of(kCaller, 80), 0u);
	time.switched_out(kWorker, 70);
	EXPECT_EQ(time.of(kCaller, 200), 0u);
}

} // namespace
} // namespace neuroperf::analyzer
