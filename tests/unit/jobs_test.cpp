// SPDX-License-Identifier: Apache-2.0
#include "analyzer/jobs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/analysis.hpp"
#include "recording/event_formats.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using recording::JobMoment;

constexpr auto kApp = static_cast<ThreadId>(1), kWorker = static_cast<ThreadId>(2);

// Two sources, by what a recording has the events of: one that tells all, and fences.
class JobsTest : public testing::Test {
protected:
	JobsTest() : layers_(0), drivers_(reader(), descriptions()), jobs_(layers_, drivers_) {}

	static std::vector<recording::DriverDescription> descriptions()
	{
		const auto described = [](const char *name, const char *title, const char *event, bool exact) {
			recording::DriverDescription driver;
			driver.name = name;
			driver.title = title;
			recording::DriverSource source;
			source.name = name;
			source.exact = exact;
			source.rules.emplace_back();
			source.rules.front().event = event;
			driver.sources.push_back(std::move(source));
			return driver;
		};
		recording::DriverDescription known = described("npu", "NPU", "neuroperf:note", true);
		recording::DriverDescription ordered = described("ordered", "Ordered", "neuroperf:clock", false);
		ordered.sources.front().in_order = true;
		recording::DriverDescription by_fence;
		by_fence.name = by_fence.title = "Maker's NPU";
		by_fence.fence_drivers = {"maker"};
		return {known, described("fences", "Fences", "neuroperf:mark", false), by_fence, ordered};
	}
	recording::PerfDataReader &reader()
	{
		if (!reader_) {
			test::RecordingBuilder(folder_.path() + "/a.data").finish();
			reader_ = std::move(*recording::PerfDataReader::open(folder_.path() + "/a.data"));
		}
		return *reader_;
	}

	static JobEvent event(JobMoment moment, uint64_t a, uint64_t b = 0, std::string_view engine = "core0")
	{
		JobEvent made;
		made.moment = moment;
		made.key.number = {a, b};
		made.engine = engine;
		return made;
	}
	void at(uint64_t time_ns, JobMoment moment, uint64_t key, std::string_view engine = "core0",
		ThreadId thread = kApp)
	{
		jobs_.take(event(moment, key, 0, engine), thread, time_ns, true);
	}
	const JobStats &stats(std::size_t engine = 0) { return jobs_.engines().at(engine).stats; }

	test::TemporaryFolder folder_;
	std::optional<recording::PerfDataReader> reader_;
	Layers layers_;
	DriverEvents drivers_;
	Jobs jobs_;
};

TEST_F(JobsTest, QueuedStartedAndDone)
{
	ASSERT_EQ(drivers_.sources().size(), 3u);
	at(100, JobMoment::queued, 1);
	at(130, JobMoment::started, 1);
	at(200, JobMoment::done, 1);
	EXPECT_EQ(stats().jobs, 1u);
	EXPECT_EQ(stats().queue.total_ns, 30u);
	EXPECT_EQ(stats().run.total_ns, 70u);
	EXPECT_EQ(stats().inferred, 0u);
	EXPECT_EQ(jobs_.engines()[0].name, "core0");
	EXPECT_EQ(jobs_.engines()[0].driver, "NPU");
	EXPECT_EQ(jobs_.engines()[0].busy_ns, 70u);
}

TEST_F(JobsTest, WhatIsHandedOverWhileAnotherRunsWaitsForIt)
{
	at(100, JobMoment::queued, 1);
	at(110, JobMoment::queued, 2);
	at(120, JobMoment::started, 1);
	at(125, JobMoment::started, 2);
	at(200, JobMoment::done, 1);
	at(260, JobMoment::done, 2);
	EXPECT_EQ(stats().queue.total_ns, 20u + 90u);
	EXPECT_EQ(stats().run.total_ns, 80u + 60u);
	EXPECT_EQ(jobs_.engines()[0].busy_ns, 140u);
	EXPECT_EQ(jobs_.engines()[0].deepest, 2u);
	EXPECT_EQ(jobs_.engines()[0].waiting, 0u);
}

TEST_F(JobsTest, EnginesDoNotWaitForEachOther)
{
	at(100, JobMoment::queued, 1, "core0");
	at(100, JobMoment::queued, 2, "core1");
	at(200, JobMoment::done, 1);
	at(200, JobMoment::done, 2);
	EXPECT_EQ(stats(0).run.total_ns, 100u);
	EXPECT_EQ(stats(1).run.total_ns, 100u);
	EXPECT_EQ(stats(0).inferred, 1u) << "no event said when it started";
}

TEST_F(JobsTest, JobsThatOvertakeAreLeftAsTheyAreTold)
{
	at(100, JobMoment::queued, 1);
	at(100, JobMoment::queued, 2);
	at(110, JobMoment::started, 1);
	at(120, JobMoment::started, 2);
	jobs_.take(event(JobMoment::ended, 1), kWorker, 150, true);
	at(200, JobMoment::done, 2);
	at(210, JobMoment::done, 1); // ended at 150, before the other one
	EXPECT_EQ(stats().run.total_ns, 80u + 40u);
	EXPECT_EQ(stats().queue.total_ns, 20u + 10u);
}

TEST_F(JobsTest, TheDevicesFenceTellsWhenItEnded)
{
	at(100, JobMoment::queued, 1);
	at(130, JobMoment::started, 1, "core0", kWorker);
	JobEvent fence = event(JobMoment::fence_made, 50, 1, "timeline");
	fence.driver = "maker";
	jobs_.take(fence, kWorker, 140, true);
	jobs_.take(event(JobMoment::fence_signaled, 50, 1), kApp, 190, true);
	at(205, JobMoment::done, 1);
	EXPECT_EQ(stats().run.total_ns, 60u);
	EXPECT_EQ(jobs_.engines()[0].driver, "Maker's NPU");
	EXPECT_EQ(jobs_.engines().size(), 1u) << "the fence is no job";
}

TEST_F(JobsTest, FencesOfOtherThreadsAreJobs)
{
	at(100, JobMoment::queued, 1);
	at(130, JobMoment::started, 1, "core0", kWorker);
	jobs_.take(event(JobMoment::fence_made, 50, 1, "timeline"), kApp, 140, true);
	jobs_.take(event(JobMoment::fence_signaled, 50, 1), kApp, 190, true);
	EXPECT_EQ(stats(1).jobs, 1u);
	EXPECT_EQ(stats(1).run.total_ns, 50u);
	EXPECT_EQ(stats(0).jobs, 0u);
}

TEST_F(JobsTest, ItsEndMayTellHowLongItRan)
{
	const auto done = [&](uint64_t key, uint64_t time_ns, uint64_t ran_ns) {
		JobEvent told = event(JobMoment::done, key);
		told.ran_ns = ran_ns;
		jobs_.take(told, kApp, time_ns, true);
	};
	at(100, JobMoment::queued, 1);
	done(1, 200, 70);
	EXPECT_EQ(stats().queue.total_ns, 30u);
	EXPECT_EQ(stats().run.total_ns, 70u);
	EXPECT_EQ(stats().inferred, 0u);
	at(300, JobMoment::queued, 2);
	done(2, 350, 4000); // longer than it was there
	EXPECT_EQ(stats().queue.total_ns, 30u + 0u);
	EXPECT_EQ(stats().run.total_ns, 70u + 50u);
	at(400, JobMoment::queued, 3);
	at(420, JobMoment::started, 3);
	done(3, 450, 10); // an event has told it
	EXPECT_EQ(stats().run.total_ns, 70u + 50u + 30u);
}

TEST_F(JobsTest, JobsOfOneKeyThatEndInOrder)
{
	const auto take = [&](uint64_t time_ns, JobMoment moment, uint64_t key, uint64_t jobs = 1) {
		JobEvent told = event(moment, key);
		told.source = 2;
		told.jobs = jobs;
		jobs_.take(told, kApp, time_ns, true);
	};
	take(100, JobMoment::queued, 1);
	take(110, JobMoment::queued, 1);
	take(115, JobMoment::queued, 2);
	take(120, JobMoment::queued, 1);
	take(130, JobMoment::done, 1);
	take(150, JobMoment::done, 1, 254); // more than there are
	take(160, JobMoment::done, 1);      // none is left
	EXPECT_EQ(stats().jobs, 3u);
	EXPECT_EQ(stats().run.total_ns, 30u + 20u + 0u) << "one after the other";
	EXPECT_EQ(stats().queue.total_ns, 0u + 20u + 30u);
	EXPECT_EQ(jobs_.problems().key_again, 0u);
	EXPECT_EQ(jobs_.problems().end_without_job, 0u);
	EXPECT_EQ(jobs_.engines()[0].waiting, 1u) << "that of the other key";
	take(200, JobMoment::queued, 2);
	jobs_.lost(210);
	take(220, JobMoment::queued, 2);
	take(230, JobMoment::done, 2);
	EXPECT_EQ(stats().jobs, 4u);
	EXPECT_EQ(stats().run.max_ns, 30u) << "those before the loss are not taken for the newest";
	jobs_.finish(300);
	EXPECT_EQ(jobs_.engines()[0].in_flight, 2u);
}

TEST_F(JobsTest, PartsOfJobs)
{
	const auto part = [&](uint64_t time_ns, uint64_t key, std::string_view name,
			      std::optional<uint64_t> spikes = {}, uint64_t ran_ns = 0) {
		JobEvent told = event(JobMoment::task_done, key);
		told.task = name;
		told.ran_ns = ran_ns;
		told.counts[static_cast<std::size_t>(recording::TaskCount::spikes)] = spikes;
		jobs_.take(told, kWorker, time_ns, true);
	};
	at(100, JobMoment::queued, 1);
	part(105, 1, "0"); // before it is known to have started
	at(110, JobMoment::started, 1);
	part(130, 1, "0", 7);
	part(150, 1, "1", 0, 15);
	part(151, 9, "1", 1000); // of a job that nobody knows
	at(160, JobMoment::done, 1);
	part(170, 1, "1", 1000);
	ASSERT_EQ(jobs_.tasks().size(), 2u);
	const TaskStats &first = jobs_.tasks().at({0, "0"}), &second = jobs_.tasks().at({0, "1"});
	EXPECT_EQ(first.tasks, 2u);
	EXPECT_EQ(first.run.count, 1u);
	EXPECT_EQ(first.run.total_ns, 20u) << "since the job started";
	EXPECT_EQ(first.counts[0], 7u);
	EXPECT_FALSE(first.counts[1]);
	EXPECT_EQ(second.tasks, 1u);
	EXPECT_EQ(second.run.total_ns, 15u) << "as it says";
	EXPECT_EQ(second.counts[0], 0u) << "none is not unknown";
	EXPECT_EQ(stats().jobs, 1u);
}

TEST_F(JobsTest, PairsOfFences)
{
	const auto made = [&](uint64_t context, uint64_t time_ns, ThreadId thread = kApp) {
		jobs_.take(event(JobMoment::pair_made, context, 7), thread, time_ns, true);
	};
	const auto signaled = [&](uint64_t context, uint64_t time_ns) {
		jobs_.take(event(JobMoment::pair_signaled, context, 7), kWorker, time_ns, true);
	};
	made(3, 100);
	made(5, 100, kWorker); // another entity, whose contexts follow
	made(4, 101);
	made(6, 101, kWorker);
	signaled(3, 120);
	signaled(4, 150); // done, not the start of 5
	signaled(5, 160);
	signaled(6, 200);
	EXPECT_EQ(stats().jobs, 2u);
	EXPECT_EQ(stats().queue.total_ns, 19u + 59u);
	EXPECT_EQ(stats().run.total_ns, 30u + 40u);
	EXPECT_EQ(jobs_.problems().end_without_job, 0u);
}

TEST_F(JobsTest, ContextsOfAnEngineDoNotWaitForEachOther)
{
	for (const uint64_t job : {1, 2}) {
		at(100, JobMoment::queued, job);
		at(110, JobMoment::started, job);
		at(111, JobMoment::told, job, job == 1 ? "ctx1" : "ctx2");
	}
	at(200, JobMoment::done, 1);
	at(220, JobMoment::done, 2);
	EXPECT_EQ(stats(0).jobs, 0u);
	EXPECT_EQ(jobs_.engines().at(1).name, "core0 ctx1");
	EXPECT_EQ(stats(1).run.total_ns, 90u);
	EXPECT_EQ(stats(2).run.total_ns, 110u);
}

TEST_F(JobsTest, JobsOfLayersByTheThreadThatQueuesThem)
{
	layers_.begin(kApp, 4, 50, false);
	at(100, JobMoment::queued, 1, "core0", kApp);
	layers_.end(kApp, 4, 110);
	at(120, JobMoment::queued, 2, "core0", kWorker);
	at(150, JobMoment::done, 1);
	at(180, JobMoment::done, 2);
	EXPECT_EQ(jobs_.by_layer().at({4, 0}).run.total_ns, 50u);
	EXPECT_EQ(jobs_.by_layer().at({0, 0}).run.total_ns, 30u);
	layers_.begin(kApp, 7, 200, true);
	at(210, JobMoment::queued, 3, "core0", kApp);
	at(250, JobMoment::done, 3);
	EXPECT_EQ(jobs_.by_layer().at({7, 0}).run.total_ns, 40u) << "an inference without layers";
}

TEST_F(JobsTest, WhatFailedIsToldApart)
{
	at(100, JobMoment::queued, 1);
	JobEvent failed = event(JobMoment::done, 1);
	failed.status = 5;
	jobs_.take(failed, kApp, 150, true);
	EXPECT_EQ(stats().jobs, 1u);
	EXPECT_EQ(stats().failed, 1u);
}

TEST_F(JobsTest, WhatDoesNotFitIsCounted)
{
	at(100, JobMoment::done, 9);
	EXPECT_EQ(jobs_.problems().end_without_job, 1u);
	at(100, JobMoment::started, 1);
	at(150, JobMoment::done, 1);
	EXPECT_EQ(jobs_.problems().start_without_job, 1u);
	EXPECT_EQ(stats().jobs, 1u);
	EXPECT_EQ(stats().queue.count, 0u) << "nobody knows how long it waited";
	EXPECT_EQ(stats().run.total_ns, 50u);
	at(200, JobMoment::queued, 2);
	at(300, JobMoment::queued, 2);
	EXPECT_EQ(jobs_.problems().key_again, 1u);
	at(350, JobMoment::done, 2);
	EXPECT_EQ(stats().run.max_ns, 50u);
	EXPECT_EQ(jobs_.engines()[0].waiting, 0u);
}

TEST_F(JobsTest, WhatHasNotEndedIsInFlightOrStuck)
{
	at(100, JobMoment::queued, 1);
	at(Jobs::kStuckNs, JobMoment::queued, 2);
	jobs_.take(event(JobMoment::queued, 3), kApp, Jobs::kStuckNs, false);
	jobs_.finish(Jobs::kStuckNs + 200);
	EXPECT_EQ(jobs_.engines()[0].stuck, 1u);
	EXPECT_EQ(jobs_.engines()[0].in_flight, 1u);
	EXPECT_EQ(stats().jobs, 0u);
}

class JobsAndStates : public JobsTest {
protected:
	JobsAndStates()
	{
		jobs_.tell(&states_);
		begin_ = states_.runs(kApp, 100'000);
		states_.switched_out(kApp, 110'000, false);
	}
	StateTimes until(uint64_t time_ns) { return states_.runs(kApp, time_ns) - begin_; }

	ThreadStates states_;
	StateTimes begin_;
};

TEST_F(JobsAndStates, ABlockedThreadWaitsForItsJobs)
{
	at(105'000, JobMoment::queued, 1);
	at(130'000, JobMoment::started, 1, "core0", kWorker);
	at(170'000, JobMoment::done, 1, "core0", kWorker);
	const StateTimes times = until(180'000);
	EXPECT_EQ(times[ThreadState::on_cpu], 10'000u);
	EXPECT_EQ(times[ThreadState::npu_queue], 20'000u);
	EXPECT_EQ(times[ThreadState::npu_run], 40'000u);
	EXPECT_EQ(times[ThreadState::blocked], 10'000u) << "the driver is done, the thread is not";
	EXPECT_EQ(times.sum(), 80'000u);
}

TEST_F(JobsAndStates, WhatIsHandedOverRunsWhenTheOneBeforeItHasEnded)
{
	at(101'000, JobMoment::queued, 9, "core0", kWorker); // another thread's
	at(102'000, JobMoment::started, 9, "core0", kWorker);
	at(105'000, JobMoment::queued, 1);
	at(120'000, JobMoment::started, 1);
	at(140'000, JobMoment::done, 9);
	jobs_.take(event(JobMoment::ended, 1), kWorker, 170'000, true);
	at(175'000, JobMoment::done, 1);
	const StateTimes times = until(180'000);
	EXPECT_EQ(times[ThreadState::npu_queue], 30'000u);
	EXPECT_EQ(times[ThreadState::npu_run], 30'000u);
	EXPECT_EQ(times[ThreadState::blocked], 10'000u);
}

TEST_F(JobsAndStates, AfterALossNobodyKnowsForWhatItWaits)
{
	at(105'000, JobMoment::queued, 1);
	at(120'000, JobMoment::started, 1);
	jobs_.lost(130'000); // perhaps its end
	at(140'000, JobMoment::queued, 2);
	at(150'000, JobMoment::started, 2);
	at(160'000, JobMoment::done, 2);
	at(170'000, JobMoment::done, 1);
	const StateTimes times = until(180'000);
	EXPECT_EQ(times[ThreadState::npu_run], 10'000u + 10'000u) << "the second one does not wait for the first";
	EXPECT_EQ(times[ThreadState::npu_queue], 10'000u + 10'000u);
	EXPECT_EQ(times[ThreadState::blocked], 10'000u + 20'000u);
}

TEST_F(JobsAndStates, JobsOfOthersAreNotWaitedFor)
{
	at(105'000, JobMoment::queued, 1, "core0", kWorker);
	at(120'000, JobMoment::started, 1, "core0", kWorker);
	EXPECT_EQ(until(180'000)[ThreadState::blocked], 70'000u);
}

TEST_F(JobsAndStates, WhereNobodySaysWhenJobsStartTheyRunOneAfterTheOther)
{
	JobEvent first = event(JobMoment::queued, 1, 0, "timeline"),
		 second = event(JobMoment::queued, 2, 0, "timeline");
	first.source = second.source = 1;
	jobs_.take(first, kWorker, 105'000, true);
	jobs_.take(second, kApp, 106'000, true);
	at(140'000, JobMoment::done, 1);
	at(170'000, JobMoment::done, 2);
	const StateTimes times = until(180'000);
	EXPECT_EQ(times[ThreadState::npu_queue], 30'000u);
	EXPECT_EQ(times[ThreadState::npu_run], 30'000u);
}

TEST_F(JobsTest, EnginesBeyondAllReasonAreOne)
{
	for (uint64_t i = 1; i <= 5000; i++) {
		const std::string name = "core" + std::to_string(i);
		at(i, JobMoment::queued, i, name);
	}
	EXPECT_LT(jobs_.engines().size(), 5000u);
	EXPECT_EQ(jobs_.engines().back().name, "(others)");
	EXPECT_GT(jobs_.engines().back().waiting, 1u);
	EXPECT_EQ(jobs_.engines().front().waiting, 1u);
}

TEST_F(JobsTest, UnwantedJobsKeepTheEngineBusyAndAreNotCounted)
{
	jobs_.take(event(JobMoment::queued, 1), kWorker, 100, false);
	at(110, JobMoment::queued, 2);
	at(150, JobMoment::done, 1);
	at(180, JobMoment::done, 2);
	EXPECT_EQ(stats().jobs, 1u);
	EXPECT_EQ(stats().queue.total_ns, 40u);
	EXPECT_EQ(stats().run.total_ns, 30u);
	jobs_.set_window({1000, 2000});
	at(900, JobMoment::queued, 3);
	at(950, JobMoment::done, 3);
	EXPECT_EQ(stats().jobs, 1u);
}

} // namespace
} // namespace neuroperf::analyzer
