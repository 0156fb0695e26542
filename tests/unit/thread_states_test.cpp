// SPDX-License-Identifier: Apache-2.0
#include "analyzer/thread_states.hpp"

#include <gtest/gtest.h>

namespace neuroperf::analyzer {
namespace {

constexpr auto kThread = static_cast<ThreadId>(3), kOther = static_cast<ThreadId>(0);
constexpr uint64_t kMs = 1'000'000;

struct States : testing::Test {
	// What happened between two moments, and that it is all of the time between them.
	StateTimes between(const StateTimes &begin, uint64_t begin_ns, uint64_t end_ns)
	{
		const StateTimes times = states.runs(kThread, end_ns) - begin;
		EXPECT_EQ(times.sum(), end_ns - begin_ns);
		return times;
	}
	ThreadStates states;
};

TEST_F(States, WhoTellsSomethingIsOnACpu)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	EXPECT_EQ(begin[ThreadState::unknown], 10 * kMs) << "what was before nobody knows";
	EXPECT_EQ(between(begin, 10 * kMs, 15 * kMs)[ThreadState::on_cpu], 5 * kMs);
}

TEST_F(States, SwitchesPartTheTime)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.switched_out(kOther, 12 * kMs, true);
	states.switched_in(kThread, 15 * kMs);
	states.switched_out(kThread, 16 * kMs, true);
	states.switched_in(kThread, 20 * kMs);
	const StateTimes times = between(begin, 10 * kMs, 21 * kMs);
	EXPECT_EQ(times[ThreadState::on_cpu], 4 * kMs);
	EXPECT_EQ(times[ThreadState::blocked], 3 * kMs);
	EXPECT_EQ(times[ThreadState::runnable], 4 * kMs);
	EXPECT_EQ(times[ThreadState::unknown], 0u);
}

TEST_F(States, LossesMakeTimeUnknownAndNothingElse)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.lost(); // perhaps it came back
	states.switched_in(kThread, 15 * kMs);
	const StateTimes times = between(begin, 10 * kMs, 20 * kMs);
	EXPECT_EQ(times[ThreadState::on_cpu], 7 * kMs);
	EXPECT_EQ(times[ThreadState::unknown], 3 * kMs);
	EXPECT_EQ(times[ThreadState::blocked], 0u);
	states.lost();
	EXPECT_EQ(between(begin, 10 * kMs, 22 * kMs)[ThreadState::unknown], 5 * kMs);
}

TEST_F(States, WhoTellsSomethingWasSwitchedInByThen)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.runs(kThread, 15 * kMs); // the record of getting there is missing, or a little late
	EXPECT_EQ(between(begin, 10 * kMs, 20 * kMs)[ThreadState::blocked], 3 * kMs);
}

TEST_F(States, ClocksDifferALittle)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false);
	states.runs(kThread, 12 * kMs + 300); // was told just before it left
	EXPECT_EQ(between(begin, 10 * kMs, 20 * kMs)[ThreadState::blocked], 8 * kMs - 300);
}

TEST_F(States, TimeNeverGoesBack)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 9 * kMs, false);
	states.switched_in(kThread, 8 * kMs);
	EXPECT_EQ(between(begin, 10 * kMs, 12 * kMs)[ThreadState::on_cpu], 2 * kMs);
}

// Rules of a machine whose numbers are known here: 0 read, 1 write, 35 nanosleep, 202 futex.
struct Waits : States {
	Waits() { states.set_rules(recording::WaitRules::built_in("x86_64")); }
	static recording::Wait in_call(int32_t number, uint16_t file_type = 0)
	{
		recording::Wait wait;
		wait.system_call = number;
		wait.file_type = file_type;
		return wait;
	}
	static Wakeup by_own(ThreadId thread, uint64_t time_ns)
	{
		return {time_ns, recording::WokenBy::thread, thread, false};
	}
	static constexpr int32_t kRead = 0, kSleep = 35, kFutex = 202;
};

TEST_F(Waits, AreNamedWhenTheyAreOver)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false, in_call(kSleep));
	states.switched_in(kThread, 15 * kMs, {14 * kMs, recording::WokenBy::interrupt, {}, false});
	states.switched_out(kThread, 16 * kMs, false, in_call(kRead, recording::kFifo));
	states.switched_in(kThread, 20 * kMs, {18 * kMs, recording::WokenBy::thread, {}, true});
	recording::Wait page;
	page.io_wait = true;
	states.switched_out(kThread, 20 * kMs, false, page);
	states.switched_in(kThread, 25 * kMs, {});
	const StateTimes times = between(begin, 10 * kMs, 25 * kMs);
	EXPECT_EQ(times[ThreadState::on_cpu], 3 * kMs);
	EXPECT_EQ(times[ThreadState::sleep], 2 * kMs);
	EXPECT_EQ(times[ThreadState::others], 2 * kMs);
	EXPECT_EQ(times[ThreadState::fault], 5 * kMs);
	EXPECT_EQ(times[ThreadState::runnable], 3 * kMs) << "from being woken on";
}

TEST_F(Waits, ForAWorkerAreSplitByWhatItDid)
{
	states.runs(kOther, 8 * kMs);
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 10 * kMs, false, in_call(kFutex));
	states.switched_out(kOther, 12 * kMs, false, in_call(kSleep));
	states.switched_in(kOther, 15 * kMs, {});
	states.switched_out(kOther, 19 * kMs, false, in_call(kFutex)); // it has woken us
	states.switched_in(kThread, 20 * kMs, by_own(kOther, 18 * kMs));
	const StateTimes times = between(begin, 10 * kMs, 20 * kMs);
	EXPECT_EQ(times[ThreadState::workers_run], 5 * kMs);
	EXPECT_EQ(times[ThreadState::workers_wait], 3 * kMs);
	EXPECT_EQ(times[ThreadState::runnable], 2 * kMs);
}

TEST_F(Waits, ForAWorkerOfWhomNothingIsKnownAreForPeers)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 10 * kMs, false, in_call(kFutex));
	states.switched_in(kOther, 14 * kMs, {}); // its first record
	states.switched_in(kThread, 20 * kMs, by_own(kOther, 20 * kMs));
	const StateTimes times = between(begin, 10 * kMs, 20 * kMs);
	EXPECT_EQ(times[ThreadState::peers], 4 * kMs);
	EXPECT_EQ(times[ThreadState::workers_run], 6 * kMs);
	states.switched_out(kThread, 20 * kMs, false, in_call(kFutex));
	states.switched_in(kThread, 21 * kMs, {21 * kMs, recording::WokenBy::unknown, {}, false});
	EXPECT_EQ(between(begin, 10 * kMs, 21 * kMs)[ThreadState::peers], 5 * kMs);
}

TEST_F(Waits, WithoutTheirEndAreUnknown)
{
	states.runs(kOther, 8 * kMs);
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 12 * kMs, false, in_call(kSleep));
	EXPECT_EQ(between(begin, 10 * kMs, 15 * kMs)[ThreadState::unknown], 3 * kMs);
	states.switched_out(kThread, 16 * kMs, false, in_call(kSleep));
	states.switched_in(kThread, 18 * kMs, {18 * kMs, recording::WokenBy::interrupt, {}, false, {}});
	const StateTimes times = between(begin, 10 * kMs, 20 * kMs);
	EXPECT_EQ(times[ThreadState::unknown], 3 * kMs);
	EXPECT_EQ(times[ThreadState::sleep], 2 * kMs);
	states.switched_out(kThread, 21 * kMs, false, in_call(kSleep));
	states.switched_out(kThread, 23 * kMs, false, in_call(kSleep));
	states.switched_in(kThread, 24 * kMs, {24 * kMs, recording::WokenBy::interrupt, {}, false, {}});
	EXPECT_EQ(between(begin, 10 * kMs, 24 * kMs)[ThreadState::unknown], 5 * kMs);
	// As a worker: what it did before that is not known either.
	states.switched_out(kOther, 8 * kMs, false, in_call(kFutex));
	states.switched_in(kOther, 21 * kMs, by_own(kThread, 17 * kMs));
	EXPECT_EQ(states.times(kOther)[ThreadState::peers], 9 * kMs);
}

TEST_F(Waits, ForJobsAreNoSleep)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.has_work(kThread, 10 * kMs, DeviceWork::queued);
	states.switched_out(kThread, 11 * kMs, false, in_call(kSleep));
	states.has_work(kThread, 12 * kMs, DeviceWork::running);
	states.switched_in(kThread, 14 * kMs, {});
	states.switched_out(kThread, 15 * kMs, false, in_call(kRead, recording::kCharacterDevice));
	states.has_work(kThread, 18 * kMs, DeviceWork::none);
	states.switched_in(kThread, 20 * kMs, {19 * kMs, recording::WokenBy::interrupt, {}, false});
	const StateTimes times = between(begin, 10 * kMs, 20 * kMs);
	EXPECT_EQ(times[ThreadState::sleep], 3 * kMs);
	EXPECT_EQ(times[ThreadState::npu_run], 3 * kMs);
	EXPECT_EQ(times[ThreadState::device], 1 * kMs) << "the job is done, its driver is not";
	EXPECT_EQ(times[ThreadState::npu_queue], 0u);
}

TEST_F(Waits, InterruptsArePartsOfTheTimeOnACpu)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.interrupted(kThread, 12 * kMs, 13 * kMs);
	states.interrupted(kThread, 9 * kMs, 14 * kMs); // a made-up one: what is counted stays
	states.switched_out(kThread, 15 * kMs, false, in_call(kSleep));
	states.interrupted(kThread, 16 * kMs, 17 * kMs); // it was not there
	states.switched_in(kThread, 18 * kMs, {});
	const StateTimes times = between(begin, 10 * kMs, 18 * kMs);
	EXPECT_EQ(times[ThreadState::on_cpu], 3 * kMs);
	EXPECT_EQ(times[ThreadState::interrupts], 2 * kMs);
	EXPECT_EQ(times[ThreadState::sleep], 3 * kMs);
}

TEST_F(Waits, WakeupsThatMakeNoSenseAreNotBelieved)
{
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	for (const uint64_t woken_ns : {uint64_t{0}, 1 * kMs, 90 * kMs}) {
		const uint64_t now = begin.sum() + woken_ns % 7;
		states.switched_out(kThread, now, false, in_call(kSleep));
		states.switched_in(kThread, now + 1000, {woken_ns, recording::WokenBy::interrupt, {}, false});
	}
	const StateTimes times = states.runs(kThread, 11 * kMs) - begin;
	EXPECT_EQ(times.sum(), 1 * kMs);
	EXPECT_EQ(times[ThreadState::runnable], 0u);
}

// Many stays of a worker during one wait: the first ones are not remembered.
TEST_F(Waits, TimeBeforeWhatIsRememberedBelongsToPeers)
{
	states.runs(kOther, 1 * kMs);
	const StateTimes begin = states.runs(kThread, 10 * kMs);
	states.switched_out(kThread, 10 * kMs, false, in_call(kFutex));
	uint64_t now = 10 * kMs;
	for (int i = 0; i < 100; i++) {
		states.switched_out(kOther, now + kMs, false, in_call(kSleep));
		now += 2 * kMs;
		states.switched_in(kOther, now, {});
	}
	states.switched_in(kThread, now, by_own(kOther, now));
	const StateTimes times = between(begin, 10 * kMs, now);
	EXPECT_EQ(times[ThreadState::workers_run] + times[ThreadState::workers_wait] + times[ThreadState::peers],
		  200 * kMs);
	EXPECT_EQ(times[ThreadState::workers_wait], 31 * kMs) << "of 32 stays the first one only says where to begin";
	EXPECT_EQ(times[ThreadState::workers_run], 31 * kMs);
}

TEST(StateInfos, AreOfAllStates)
{
	EXPECT_EQ(info(ThreadState::on_cpu).key, "on_cpu");
	EXPECT_EQ(info(ThreadState::workers_wait).key, "workers_wait");
	EXPECT_EQ(info(ThreadState::unknown).key, "unknown");
	const RecordedStates switches, waits{true, false}, all{true, true};
	EXPECT_TRUE(switches.has(ThreadState::blocked));
	EXPECT_FALSE(switches.has(ThreadState::sleep));
	EXPECT_TRUE(waits.has(ThreadState::sleep));
	EXPECT_FALSE(waits.has(ThreadState::npu_run));
	EXPECT_TRUE(all.has(ThreadState::npu_run));
}

} // namespace
} // namespace neuroperf::analyzer
