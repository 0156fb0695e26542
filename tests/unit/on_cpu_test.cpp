// SPDX-License-Identifier: Apache-2.0
#include "analyzer/on_cpu.hpp"

#include <gtest/gtest.h>

#include <random>

namespace neuroperf::analyzer {
namespace {

constexpr ThreadId kThread{1}, kOther{0};

class OnCpuTest : public testing::Test {
protected:
	OnCpuTest()
	{
		threads_.thread(100, 100);
		threads_.thread(100, 101);
		on_cpu_.begin(1000);
	}
	void expect(uint64_t ns, uint64_t switches, uint64_t preempted, uint64_t unknown, ThreadId thread = kThread)
	{
		const auto figures = on_cpu_.of(thread);
		ASSERT_TRUE(figures);
		EXPECT_EQ(figures->on_cpu_ns, ns);
		EXPECT_EQ(figures->switches, switches);
		EXPECT_EQ(figures->preempted, preempted);
		EXPECT_EQ(on_cpu_.unknown(), unknown);
	}

	Threads threads_; // of one process: kOther, then kThread
	OnCpu on_cpu_{threads_};
};

TEST_F(OnCpuTest, AddsUpWhatIsBetweenInAndOut)
{
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.switched_out(kThread, 1150, false);
	on_cpu_.switched_in(kThread, 1200);
	on_cpu_.switched_in(kOther, 1210);
	on_cpu_.switched_out(kThread, 1230, true);
	on_cpu_.switched_out(kOther, 1310, false);
	on_cpu_.finish(2000);
	expect(80, 2, 1, 0);
	expect(100, 1, 0, 0, kOther);
}

TEST_F(OnCpuTest, RunningWhenTheRecordingBeginsOrEnds)
{
	on_cpu_.switched_out(kThread, 1040, false);
	on_cpu_.switched_in(kThread, 1500);
	on_cpu_.finish(1700);
	expect(240, 1, 0, 0);
}

TEST_F(OnCpuTest, AThreadThatNeverLeavesItsCpuIsKnownByItsSamples)
{
	on_cpu_.seen(kThread, 1010);
	on_cpu_.seen(kThread, 1020);
	on_cpu_.finish(1500);
	expect(500, 0, 0, 0);
	EXPECT_FALSE(on_cpu_.of(kOther)) << "nothing says whether it ran";
	EXPECT_FALSE(on_cpu_.of(ThreadId{77}));
}

TEST_F(OnCpuTest, ASampleJustBeforeTheRecordOfGettingThereIsNoBegin)
{
	on_cpu_.seen(kThread, 1400);
	on_cpu_.switched_in(kThread, 1401);
	on_cpu_.switched_out(kThread, 1411, false);
	on_cpu_.finish(2000);
	expect(10, 1, 0, 0);
}

TEST_F(OnCpuTest, FromExecToItsEnd)
{
	on_cpu_.starts(kThread, 1100);
	on_cpu_.switched_out(kThread, 1150, false);
	on_cpu_.switched_in(kThread, 1300);
	on_cpu_.ends(kThread, 1310);
	on_cpu_.switched_out(kThread, 1311, false); // as recordings of whole CPUs see it
	on_cpu_.finish(2000);
	expect(60, 1, 0, 0);
}

TEST_F(OnCpuTest, AThreadThatCallsExecGoesOnAsTheFirstOne)
{
	on_cpu_.switched_in(kOther, 1050);
	on_cpu_.ends(kOther, 1060); // exec ends the others
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.starts(kOther, 1150);
	on_cpu_.switched_out(kOther, 1170, false);
	on_cpu_.finish(2000);
	expect(50, 0, 0, 0);
	expect(30, 1, 0, 0, kOther);
}

TEST_F(OnCpuTest, AThreadMadeAfterExecIsNotEndedByIt)
{
	on_cpu_.starts(kOther, 1150);
	on_cpu_.switched_in(kThread, 1200);
	on_cpu_.switched_out(kThread, 1300, false);
	on_cpu_.finish(2000);
	expect(100, 1, 0, 0);
	expect(850, 0, 0, 0, kOther);
}

TEST_F(OnCpuTest, AThreadOnACpuFromBeginToEnd)
{
	on_cpu_.ends(kThread, 1300);
	on_cpu_.finish(2000);
	expect(300, 0, 0, 0);
}

TEST_F(OnCpuTest, InWithoutOutIsLeftOutAndCounted)
{
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.switched_in(kThread, 1200);
	on_cpu_.switched_out(kThread, 1210, false);
	on_cpu_.finish(2000);
	expect(10, 1, 0, 1);
}

TEST_F(OnCpuTest, WhoseComingIsToldLateIsOnItsCpuSinceItCame)
{
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.switched_out(kThread, 1150, true);
	on_cpu_.seen(kThread, 1190);
	on_cpu_.switched_in(kThread, 1200, 1180);
	on_cpu_.switched_out(kThread, 1200, true);
	expect(70, 2, 2, 0);
	on_cpu_.switched_in(kThread, 1300, 1100); // it cannot have come before it left
	on_cpu_.switched_out(kThread, 1300, true);
	expect(170, 3, 3, 0);
	on_cpu_.lost();
	on_cpu_.switched_in(kThread, 1500, 1480);
	on_cpu_.switched_out(kThread, 1500, false);
	on_cpu_.finish(2000);
	expect(190, 4, 3, 0);
}

TEST_F(OnCpuTest, OutWithoutInIsLeftOutAndCounted)
{
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.switched_out(kThread, 1110, false);
	on_cpu_.switched_out(kThread, 1300, true);
	on_cpu_.finish(2000);
	expect(10, 2, 1, 1);
}

TEST_F(OnCpuTest, NothingIsCountedAcrossALoss)
{
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.lost();
	on_cpu_.lost();
	on_cpu_.switched_out(kThread, 1900, false); // perhaps of another stay
	on_cpu_.switched_in(kThread, 1910);
	on_cpu_.switched_out(kThread, 1920, false);
	on_cpu_.finish(2000);
	expect(10, 2, 0, 2);
}

TEST_F(OnCpuTest, AfterALossNobodyKnowsWhereAThreadWasBefore)
{
	on_cpu_.lost();
	on_cpu_.switched_out(kThread, 1500, false);
	on_cpu_.switched_in(kOther, 1600);
	on_cpu_.lost();
	on_cpu_.finish(2000);
	expect(0, 1, 0, 2);
	expect(0, 0, 0, 2, kOther);
}

TEST_F(OnCpuTest, ASampleAfterALossBeginsAnew)
{
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.lost();
	on_cpu_.seen(kThread, 1400);
	on_cpu_.switched_out(kThread, 1450, false);
	on_cpu_.finish(2000);
	expect(50, 1, 0, 1);
}

TEST_F(OnCpuTest, OnlyTheWindowCounts)
{
	on_cpu_.set_window({1200, 1400});
	on_cpu_.switched_in(kThread, 1100);
	on_cpu_.switched_out(kThread, 1210, false); // 10 inside
	on_cpu_.switched_in(kThread, 1390);
	on_cpu_.switched_out(kThread, 1500, true); // 10 inside, but not its end
	on_cpu_.switched_in(kThread, 1600);
	on_cpu_.finish(2000);
	expect(20, 1, 0, 0);
}

TEST_F(OnCpuTest, NothingCountsBeforeTheBegin)
{
	on_cpu_.begin(1500); // only the first call counts
	on_cpu_.starts(kThread, 100);
	on_cpu_.switched_out(kThread, 200, false);
	on_cpu_.switched_in(kThread, 900);
	on_cpu_.switched_out(kThread, 1010, false);
	on_cpu_.finish(2000);
	expect(10, 1, 0, 0);
}

TEST_F(OnCpuTest, TimesThatGoBackCountOnceAtMost)
{
	on_cpu_.switched_in(kThread, 1500);
	on_cpu_.switched_out(kThread, 1400, false);
	on_cpu_.switched_in(kThread, 1300);
	on_cpu_.switched_out(kThread, 1600, false);
	on_cpu_.finish(0);
	const auto figures = on_cpu_.of(kThread);
	ASSERT_TRUE(figures);
	EXPECT_LE(figures->on_cpu_ns, 100u);
	EXPECT_GT(on_cpu_.unknown(), 0u);
}

TEST_F(OnCpuTest, WhateverTheOrderNoThreadIsOnACpuLongerThanTheRecording)
{
	std::mt19937 random(7);
	for (int round = 0; round < 2000; round++) {
		OnCpu on_cpu(threads_);
		on_cpu.begin(1000);
		for (int i = 0; i < 30; i++) {
			const uint64_t time_ns =
				random() % 4 == 0 ? random() % 3000 : 1000 + static_cast<uint64_t>(i) * 30;
			switch (random() % 6) {
			case 0:
				on_cpu.switched_in(kThread, time_ns);
				break;
			case 1:
				on_cpu.switched_out(kThread, time_ns, random() % 2);
				break;
			case 2:
				on_cpu.starts(kThread, time_ns);
				break;
			case 3:
				on_cpu.ends(kThread, time_ns);
				break;
			case 4:
				on_cpu.seen(kThread, time_ns);
				break;
			case 5:
				on_cpu.lost();
				break;
			}
		}
		on_cpu.finish(random() % 3000);
		if (const auto figures = on_cpu.of(kThread)) {
			EXPECT_LE(figures->on_cpu_ns, 2000u);
			EXPECT_LE(figures->preempted, figures->switches);
		}
	}
}

} // namespace
} // namespace neuroperf::analyzer
