// SPDX-License-Identifier: Apache-2.0
// Recordings with known contents, read to the numbers behind the report.
#include "analyzer/analysis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/report_builder.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using test::RecordingBuilder;
using test::TemporaryFolder;

class AnalysisTest : public testing::Test {
protected:
	explicit AnalysisTest(const RecordingBuilder::Options &options = {}) : recording_(path_, options) {}
	void run(const FilterOptions &options = {})
	{
		auto reader = recording::PerfDataReader::open(path_);
		ASSERT_TRUE(reader.ok());
		const auto filter = SampleFilter::make(options);
		ASSERT_TRUE(filter.ok()) << filter.error().what;
		analysis_.emplace(0, &symbolizer_);
		ASSERT_TRUE(analyze(*reader, {*filter, options.event}, &*analysis_).ok());
	}
	const Definition &layer(DefinitionNumber number) { return analysis_->layers.definitions()[number]; }

	TemporaryFolder folder_;
	std::string path_ = folder_.file("a.data");
	RecordingBuilder recording_;
	Symbolizer symbolizer_{Symbolizer::Options{}};
	std::optional<Analysis> analysis_;
};

TEST_F(AnalysisTest, CountsOfAKnownRecordingAreExact)
{
	recording_.define_inference(2, "classify").define_layer(1, "hidden", "lif", {{}, 1, 16, 64, 128, 7, 0, 0});
	for (uint64_t i = 0; i < 1000; i++) {
		const uint64_t time = 1'000'000 + i * 1000;
		recording_.inference_begin(7, 2, time, i).begin(7, 1, time + 100).spikes(7, 1, time + 200, 3);
		recording_.synops(8, 1, time + 250, 30).end(7, 1, time + 600).inference_end(7, 2, time + 700, i);
		if (i % 100 == 99)
			recording_.round().commit();
	}
	recording_.finish();
	run();
	EXPECT_EQ(layer(1).name, "hidden");
	EXPECT_EQ(layer(1).kind, "lif");
	EXPECT_EQ(layer(1).neurons, 16u);
	EXPECT_EQ(layer(1).parameters, 7u);
	EXPECT_EQ(layer(1).steady.calls, 1000u);
	EXPECT_EQ(layer(1).steady.total_ns, 500'000u);
	EXPECT_EQ(layer(1).steady.spikes, 3000u);
	EXPECT_EQ(layer(1).steady.synops, 30'000u);
	EXPECT_EQ(layer(2).what, Definition::What::inference);
	EXPECT_EQ(layer(2).steady.self_ns, 200'000u);
	EXPECT_EQ(analysis_->recorder_stats.at("finished"), 1u);
	EXPECT_EQ(analysis_->first_event_ns, 1'000'000u);
	EXPECT_EQ(analysis_->stream.late, 0u);
}

TEST_F(AnalysisTest, ThreadsOfOneRoundStandOneBehindTheOther)
{
	for (uint32_t tid = 1; tid <= 4; tid++) // each thread's ring is drained as a whole
		for (uint64_t i = 0; i < 100; i++)
			recording_.begin(tid, tid, 1000 + i * 10).end(tid, tid, 1000 + i * 10 + 5);
	recording_.finish();
	run();
	for (uint32_t tid = 1; tid <= 4; tid++)
		EXPECT_EQ(layer(tid).steady.total_ns, 500u);
	EXPECT_EQ(analysis_->layers.problems().begin_without_end, 0u);
}

TEST_F(AnalysisTest, LossesOfTheKernelAndOfTheRingsAreToldApart)
{
	recording_.lost(RecordingBuilder::kSamplingId, 3, 100);
	recording_.lost(collector::own_event_id(recording::OwnEvent::layer_begin), 50, 100);
	recording_.other(PERF_RECORD_LOST_SAMPLES, 0, std::string("\7\0\0\0\0\0\0\0", 8), 1, 1, 100);
	recording_.finish();
	run();
	EXPECT_EQ(analysis_->lost_samples, 10u);
	EXPECT_EQ(analysis_->lost_in_process, 50u);
}

TEST_F(AnalysisTest, SamplesFallIntoTheLayersOfTheirThread)
{
	recording_.comm(100, 100, 1, "app", true).define_layer(1, "conv");
	recording_.begin(100, 1, 10).sample(100, 100, 20, 0x1000).end(100, 1, 30).sample(100, 100, 40, 0x1000);
	recording_.sample(200, 200, 50, 0x1000).finish();
	run();
	EXPECT_EQ(analysis_->samples, 3u);
	std::map<std::string, uint64_t> totals;
	const NamedStacks stacks = analysis_->stacks.named("x");
	for (const NamedStacks::Node &node : stacks.nodes)
		totals[stacks.labels[node.label]] += node.total;
	EXPECT_EQ(totals["conv"], 1u);
	EXPECT_EQ(totals["app"], 2u);
}

TEST_F(AnalysisTest, FiltersByTaskTimeAndLayer)
{
	recording_.comm(100, 100, 1'000'000'000, "app", true).comm(100, 101, 1'000'000'000, "worker");
	recording_.comm(200, 200, 1'000'000'000, "other", true).define_layer(1, "conv").define_layer(2, "pool");
	recording_.begin(100, 1, 1'500'000'000)
		.spikes(100, 1, 1'600'000'000, 5)
		.sample(100, 100, 1'700'000'000, 0x1000);
	recording_.end(100, 1, 1'800'000'000).begin(101, 2, 2'000'000'000).sample(100, 101, 2'100'000'000, 0x1000);
	recording_.end(101, 2, 2'200'000'000).sample(200, 200, 2'500'000'000, 0x1000).finish();
	const auto counted = [&](const FilterOptions &options) {
		run(options);
		return std::tuple(analysis_->samples, layer(1).steady.calls, layer(1).steady.spikes,
				  layer(2).steady.calls);
	};
	EXPECT_EQ(counted({}), std::tuple(3u, 1u, 5u, 1u));
	EXPECT_EQ(counted({.process = "app"}), std::tuple(2u, 1u, 5u, 1u));
	EXPECT_EQ(counted({.process = "200"}), std::tuple(1u, 0u, 0u, 0u));
	EXPECT_EQ(counted({.thread = "worker"}), std::tuple(1u, 0u, 0u, 1u));
	EXPECT_EQ(counted({.thread = "100"}), std::tuple(1u, 1u, 5u, 0u));
	EXPECT_EQ(counted({.time = "1.5,2.1"}), std::tuple(2u, 1u, 5u, 0u));
	EXPECT_EQ(counted({.time = "1.650000000,"}), std::tuple(3u, 0u, 0u, 1u));
	EXPECT_EQ(counted({.time = ",+1.6"}), std::tuple(0u, 0u, 5u, 0u)) << "the first record stands at 1 ns";
	EXPECT_EQ(counted({.layer = "^po"}), std::tuple(1u, 1u, 5u, 1u))
		<< "which layers to show is the table's business";
}

TEST_F(AnalysisTest, FiltersThatMakeNoSense)
{
	for (const char *time : {"1", "a,b", "1,2,3", "1.0000000001,", "1.,2", "-1,2", "99999999999999,"})
		EXPECT_FALSE(SampleFilter::make({.time = time}).ok()) << time;
	EXPECT_FALSE(SampleFilter::make({.layer = "("}).ok());
	recording_.finish();
	auto reader = recording::PerfDataReader::open(path_);
	Analysis analysis(0, &symbolizer_);
	EXPECT_FALSE(analyze(*reader, {.event = "no-such-event"}, &analysis).ok());
	EXPECT_TRUE(analyze(*reader, {.event = "cpu-clock"}, &analysis).ok());
}

TEST_F(AnalysisTest, ExecEndsTheOpenCallsOfItsThread)
{
	recording_.begin(100, 1, 10).begin(101, 1, 10).comm(100, 100, 20, "next", true);
	recording_.end(100, 1, 30).end(101, 1, 30).finish();
	run();
	EXPECT_EQ(layer(1).steady.calls, 1u);
	EXPECT_EQ(analysis_->layers.problems().begin_without_end, 1u);
	EXPECT_EQ(analysis_->layers.problems().end_without_begin, 1u);
}

TEST_F(AnalysisTest, RecordsTooShortForTheirTypeAreCounted)
{
	for (const uint32_t type :
	     {PERF_RECORD_COMM, PERF_RECORD_FORK, PERF_RECORD_MMAP, PERF_RECORD_MMAP2, PERF_RECORD_LOST})
		recording_.raw(recording::record_with_trailer(type, 0, "", 0, {}));
	recording_.raw(
		recording::record_with_trailer(PERF_RECORD_SAMPLE, 0, std::string("\7\0\0\0\0\0\0\0", 8), 0, {}));
	recording_.finish();
	run();
	EXPECT_EQ(analysis_->damaged_records, 6u);
}

TEST_F(AnalysisTest, NotesAndStatisticsAreBounded)
{
	for (int i = 0; i < 5000; i++)
		recording_.note(2, "code", "text").stat("stat " + std::to_string(i), 1);
	recording_.finish();
	run();
	EXPECT_LE(analysis_->notes.size(), 200u);
	EXPECT_LE(analysis_->recorder_stats.size(), 200u);
}

TEST_F(AnalysisTest, AStatisticIsWhatItWasLastEvenWhenThereAreMany)
{
	for (int i = 0; i < 200; i++)
		recording_.stat("stat " + std::to_string(i), 1);
	recording_.stat("stat 7", 9, 5).finish();
	run();
	EXPECT_EQ(analysis_->recorder_stats.at("stat 7"), 9u);
}

TEST_F(AnalysisTest, EventsOfNoKnownDefinitionAreStillCounted)
{
	recording_.begin(7, 0, 10).end(7, 0, 20).begin(7, UINT32_MAX, 30).spikes(7, 65536, 40, 1).finish();
	run();
	EXPECT_EQ(layer(0).steady.calls, 1u);
	EXPECT_EQ(layer(65536).steady.spikes, 1u);
	EXPECT_EQ(analysis_->layers.problems().bad_number, 1u);
	EXPECT_TRUE(make_report(path_, ReportOptions()).ok());
}

class SwitchesTest : public AnalysisTest {
protected:
	SwitchesTest() : AnalysisTest({.context_switches = true}) {}
	void expect(uint32_t tid, uint64_t ns, uint64_t switches, uint64_t preempted)
	{
		const auto figures = analysis_->on_cpu.of(analysis_->threads.thread(RecordingBuilder::kPid, tid));
		ASSERT_TRUE(figures) << tid;
		EXPECT_EQ(figures->on_cpu_ns, ns) << tid;
		EXPECT_EQ(figures->switches, switches) << tid;
		EXPECT_EQ(figures->preempted, preempted) << tid;
	}
};

TEST_F(SwitchesTest, OnCpuFromAndToTheRecordsOfEachThread)
{
	recording_.comm(100, 100, 1000, "app", true).off_cpu(100, 1100); // exec is where it begins
	recording_.fork(100, 100, 101, 100, 1050).to_cpu(101, 1060).off_cpu(101, 1080, true).to_cpu(101, 1090);
	recording_.sample(100, 101, 1095, 0x1000).exit(100, 101, 1100).to_cpu(100, 1300);
	recording_.sample(100, 100, 1500, 0x1000).finish();
	run();
	EXPECT_TRUE(analysis_->has_switches);
	expect(100, 300, 1, 0);
	expect(101, 30, 1, 1);
	EXPECT_EQ(analysis_->on_cpu.unknown(), 0u);
}

TEST_F(SwitchesTest, RecordsOfWholeCpusSayTheSame)
{
	const std::string other_task = recording::ByteWriter().put<uint32_t>(500).put<uint32_t>(501).take();
	const auto out = static_cast<uint16_t>(PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT);
	recording_.other(PERF_RECORD_SWITCH_CPU_WIDE, 0, other_task, 100, 100, 1000);
	recording_.other(PERF_RECORD_SWITCH_CPU_WIDE, out, other_task, 100, 100, 1200);
	recording_.other(PERF_RECORD_SWITCH_CPU_WIDE, 0, other_task, 0, 0, 1200); // the idle thread
	recording_.other(PERF_RECORD_SWITCH_CPU_WIDE, 0, other_task, 0, 0, 1210); // that of another CPU
	recording_.finish();
	run();
	expect(100, 200, 1, 1);
	EXPECT_FALSE(analysis_->on_cpu.of(analysis_->threads.thread(500, 501)));
	EXPECT_FALSE(analysis_->on_cpu.of(analysis_->threads.thread(0, 0)));
	EXPECT_EQ(analysis_->on_cpu.unknown(), 0u);
}

TEST_F(SwitchesTest, LossesOfTheKernelMakeTimesUnknownAndThoseInTheProcessDoNot)
{
	recording_.to_cpu(100, 1000).lost(collector::own_event_id(recording::OwnEvent::layer_begin), 5, 1010);
	recording_.off_cpu(100, 1020).to_cpu(100, 1030).lost(RecordingBuilder::kSamplingId, 1, 1040);
	recording_.off_cpu(100, 1050).to_cpu(100, 1060).off_cpu(100, 1070).finish();
	run();
	expect(100, 30, 3, 0);
	EXPECT_EQ(analysis_->on_cpu.unknown(), 2u);
}

TEST_F(SwitchesTest, OnlyTheWindowAndTheThreadsAskedFor)
{
	recording_.comm(100, 100, 1'000'000'000, "app").comm(100, 101, 1'000'000'000, "worker");
	recording_.to_cpu(100, 1'100'000'000).off_cpu(100, 1'300'000'000).to_cpu(101, 1'400'000'000);
	recording_.off_cpu(101, 1'500'000'000).sample(100, 100, 2'000'000'000, 0x1000).finish();
	run({.time = "+0.2,+0.45"});
	expect(100, 100'000'000, 1, 0);
	expect(101, 50'000'000, 0, 0);
	const auto cells = [this](const FilterOptions &filter) {
		ReportOptions options;
		options.filter = filter;
		const auto report = make_report(path_, options);
		std::map<std::string, bool> known; // by name
		const Table *threads = report->table("threads");
		const int column = threads->column("on_cpu_ns");
		for (const std::vector<Cell> &row : threads->rows)
			known[std::get<std::string>(row[0])] =
				column >= 0 && !is_absent(row[static_cast<std::size_t>(column)]);
		return known;
	};
	EXPECT_EQ(cells({}), (std::map<std::string, bool>{{"app", true}, {"worker", true}}));
	EXPECT_EQ(cells({.thread = "worker"}), (std::map<std::string, bool>{{"app", false}, {"worker", true}}));
	EXPECT_EQ(cells({.layer = "conv"}), (std::map<std::string, bool>{{"app", false}, {"worker", false}}));
}

TEST_F(SwitchesTest, ReportsSayWhatIsLeftOut)
{
	recording_.comm(100, 100, 900, "app").to_cpu(100, 1000).to_cpu(100, 1010).finish();
	const auto report = make_report(path_, {});
	ASSERT_TRUE(report.ok());
	EXPECT_TRUE(std::any_of(report->quality.begin(), report->quality.end(),
				[](const QualityItem &item) { return item.code == "unknown_on_cpu"; }));
}

TEST_F(SwitchesTest, ReportsSayWhatAHypervisorTook)
{
	const auto told = [this](uint64_t stolen_ns) -> std::optional<QualityItem> {
		RecordingBuilder(folder_.file("stolen.data"))
			.comm(100, 100, 1'000'000'000, "app")
			.stat("stolen_ns", stolen_ns, 2'000'000'000) // of a second
			.finish();
		const auto report = make_report(folder_.file("stolen.data"), {});
		EXPECT_TRUE(report.ok());
		for (const QualityItem &item : report->quality)
			if (item.code == "stolen_time")
				return item;
		return std::nullopt;
	};
	EXPECT_FALSE(told(0) || told(1'000'000)) << "of little nobody needs to know";
	const auto some = told(20'000'000), much = told(70'000'000);
	ASSERT_TRUE(some && much);
	EXPECT_EQ(some->severity, Severity::info);
	EXPECT_THAT(some->text, testing::HasSubstr("20 ms from this machine's CPUs"));
	EXPECT_EQ(std::get<uint64_t>(some->value), 20'000'000u);
	EXPECT_EQ(much->severity, Severity::warning);
}

TEST_F(SwitchesTest, ReportsSayWhatSamplingCost)
{
	recording_.comm(100, 100, 900, "app").sample(100, 100, 1000, 0x1000).sample(100, 100, 2000, 0x1000);
	recording_.stat("sample_cost_ns", 22'500, 2500).finish();
	const auto report = make_report(path_, {});
	ASSERT_TRUE(report.ok());
	const auto found = std::find_if(report->quality.begin(), report->quality.end(),
					[](const QualityItem &item) { return item.code == "sampling_cost"; });
	ASSERT_NE(found, report->quality.end());
	EXPECT_EQ(std::get<uint64_t>(found->value), 45'000u);
	EXPECT_THAT(found->text, testing::HasSubstr("2 samples of 22.5 us each"));
}

// Switches by our own events, which say more; a worker of the same process and another process wake the thread.
class AnatomyTest : public AnalysisTest {
protected:
	static constexpr int64_t kRead = 0, kSleep = 35, kFutex = 202; // of x86-64
	static constexpr uint32_t kByThread = 1, kByInterrupt = 3;
	// The row of the only layer, by column.
	std::map<std::string, uint64_t> row()
	{
		const auto report = make_report(path_, {});
		EXPECT_TRUE(report.ok());
		const Table *table = report->table("anatomy");
		std::map<std::string, uint64_t> cells;
		for (std::size_t c = 0; table && c < table->columns.size(); c++)
			if (const auto *value = std::get_if<uint64_t>(&table->rows.at(0)[c]))
				cells[table->columns[c].key] = *value;
		return cells;
	}
};

TEST_F(AnatomyTest, WaitsBySystemCallAndWaker)
{
	recording_.stat("anatomy", 1).define_layer(1, "wait").begin(100, 1, 1'000'000);
	recording_.comes(101, 1'000'100, 0, 0).leaves(100, 1'001'000, kFutex);
	recording_.leaves(101, 1'003'000, kSleep).comes(101, 1'004'000, 1'004'000, kByInterrupt);
	recording_.comes(100, 1'005'500, 1'005'000, kByThread, 100, 101);
	recording_.leaves(100, 1'010'000, kRead, 1).comes(100, 1'020'000, 1'020'000, kByThread, 555, 555);
	recording_.leaves(100, 1'030'000, kSleep).comes(100, 1'040'000, 1'039'000, kByInterrupt);
	recording_.interrupted(100, 1'041'000, 1'042'000).leaves(100, 1'043'000, kSleep, 0, 0);
	recording_.comes(100, 1'045'000, 0, 0).end(100, 1, 1'050'000).finish();
	const auto cells = row();
	EXPECT_EQ(cells.at("wall_ns"), 50'000u);
	EXPECT_EQ(cells.at("workers_run_ns"), 3'000u);
	EXPECT_EQ(cells.at("workers_wait_ns"), 1'000u);
	EXPECT_EQ(cells.at("others_ns"), 10'000u);
	EXPECT_EQ(cells.at("sleep_ns"), 9'000u);
	EXPECT_EQ(cells.at("interrupts_ns"), 1'000u);
	EXPECT_EQ(cells.at("runnable_ns"), 500u + 1'000u + 2'000u) << "woken, woken, and in state 0 as it left";
	EXPECT_EQ(cells.at("on_cpu_ns"), 1'000u + 4'500u + 10'000u + 2'000u + 5'000u);
	EXPECT_FALSE(cells.contains("npu_run_ns"));
}

TEST_F(AnatomyTest, WhoIsPreemptedOnTheWayToAWaitDoesNotWaitYet)
{
	constexpr uint32_t kPreempted = 1;
	recording_.stat("anatomy", 1).define_layer(1, "wait").begin(100, 1, 1'000'000);
	recording_.leaves(100, 1'010'000, kSleep, 0, 1, kPreempted).comes(100, 1'020'000, 0, 0);
	recording_.leaves(100, 1'021'000, kSleep, 0, 1).comes(100, 1'030'000, 1'030'000, kByInterrupt);
	recording_.end(100, 1, 1'050'000).finish();
	const auto cells = row();
	EXPECT_EQ(cells.at("runnable_ns"), 10'000u);
	EXPECT_EQ(cells.at("sleep_ns"), 9'000u);
}

TEST_F(AnatomyTest, LossesMakeWhatWasLostUnknownAndNothingElse)
{
	recording_.stat("anatomy", 1).define_layer(1, "wait").begin(100, 1, 1'000'000);
	recording_.leaves(100, 1'010'000, kSleep).comes(100, 1'020'000, 1'020'000, kByInterrupt);
	const uint64_t switches = collector::own_event_id(recording::OwnEvent::switch_out);
	recording_.lost(switches, 3, 1'030'000).lost(switches, 0, 1'030'000);
	recording_.leaves(100, 1'040'000, kSleep).comes(100, 1'045'000, 1'045'000, kByInterrupt);
	recording_.end(100, 1, 1'050'000).finish();
	const auto cells = row();
	EXPECT_EQ(cells.at("unknown_ns"), 20'000u) << "from the last record before to the first behind";
	EXPECT_EQ(cells.at("sleep_ns"), 15'000u);
	EXPECT_EQ(cells.at("wall_ns"), 50'000u);
	run();
	EXPECT_EQ(analysis_->lost_switches, 3u);
	EXPECT_EQ(analysis_->lost_in_process, 0u);
}

// What is recorded of a thread meanwhile may lack what was before and behind it.
TEST_F(AnatomyTest, NothingIsKnownWhileSwitchesAreLost)
{
	const uint64_t switches = collector::own_event_id(recording::OwnEvent::switch_out);
	recording_.stat("anatomy", 1).define_layer(1, "wait").begin(100, 1, 1'000'000);
	recording_.leaves(100, 1'010'000, kSleep).comes(100, 1'020'000, 1'020'000, kByInterrupt);
	recording_.lost(switches, 3, 1'025'000);
	recording_.comes(100, 1'030'000, 1'030'000, kByInterrupt).leaves(100, 1'040'000, kSleep);
	recording_.lost(switches, 0, 1'045'000);
	recording_.comes(100, 1'050'000, 1'050'000, kByInterrupt).leaves(100, 1'060'000, kSleep);
	recording_.comes(100, 1'063'000, 1'063'000, kByInterrupt).end(100, 1, 1'070'000).finish();
	const auto cells = row();
	EXPECT_EQ(cells.at("unknown_ns"), 30'000u) << "from 1020 to 1050";
	EXPECT_EQ(cells.at("sleep_ns"), 10'000u + 3'000u);
	EXPECT_EQ(cells.at("on_cpu_ns"), 10'000u + 10'000u + 7'000u);
}

TEST_F(AnatomyTest, SchedulingLatencyIsFromBeingWokenToRunning)
{
	recording_.stat("anatomy", 1).comm(100, 100, 900, "app").comm(100, 101, 900, "late");
	for (uint64_t i = 1; i <= 10; i++) {
		recording_.leaves(100, 10'000 * i, kSleep)
			.comes(100, 10'000 * i + 5'000, 10'000 * i + 4'900, kByInterrupt);
		recording_.leaves(101, 10'000 * i, kSleep)
			.comes(101, 10'000 * i + 5'000, 10'000 * i + 4'000, kByInterrupt);
	}
	recording_.leaves(100, 200'000, kSleep).comes(100, 210'000, 0, 0);                  // nobody knows when
	recording_.leaves(100, 220'000, kSleep).comes(100, 230'000, 300'000, kByInterrupt); // made up
	recording_.finish();
	const auto report = make_report(path_, {});
	ASSERT_TRUE(report.ok());
	const Table *table = report->table("scheduling");
	ASSERT_TRUE(table);
	ASSERT_EQ(table->rows.size(), 2u);
	const auto cell = [&](std::size_t row, const char *key) {
		return std::get<uint64_t>(table->rows[row][static_cast<std::size_t>(table->column(key))]);
	};
	EXPECT_EQ(std::get<std::string>(table->rows[0][0]), "late") << "the longest first";
	EXPECT_EQ(cell(0, "wakeups"), 10u);
	EXPECT_EQ(cell(0, "max_ns"), 1'000u);
	EXPECT_EQ(cell(0, "total_ns"), 10'000u);
	EXPECT_EQ(cell(1, "wakeups"), 10u);
	EXPECT_EQ(cell(1, "p50_ns"), 100u);
}

TEST_F(AnalysisTest, PaceIsFromBeginToBegin)
{
	recording_.define_inference(1, "step").define_inference(2, "once");
	for (const uint64_t begin : {1'000, 2'000, 3'100, 4'100})
		recording_.inference_begin(100, 1, begin).inference_end(100, 1, begin + 500);
	recording_.inference_begin(100, 2, 9'000).inference_end(100, 2, 9'500).finish();
	const auto report = make_report(path_, {});
	ASSERT_TRUE(report.ok());
	const Table *table = report->table("pace");
	ASSERT_TRUE(table);
	ASSERT_EQ(table->rows.size(), 1u);
	const auto cell = [&](const char *key) {
		return std::get<uint64_t>(table->rows[0][static_cast<std::size_t>(table->column(key))]);
	};
	EXPECT_EQ(cell("periods"), 3u);
	EXPECT_EQ(cell("min_ns"), 1'000u);
	EXPECT_EQ(cell("max_ns"), 1'100u);
	EXPECT_EQ(cell("jitter_ns"), cell("p99_ns") - cell("p50_ns"));
	EXPECT_EQ(report->table("scheduling"), nullptr);
}

TEST_F(AnatomyTest, OtherLossesChangeNothing)
{
	recording_.stat("anatomy", 1).define_layer(1, "wait").begin(100, 1, 1'000'000);
	recording_.leaves(100, 1'010'000, kSleep).lost(RecordingBuilder::kSamplingId, 5, 1'012'000);
	recording_.comes(100, 1'020'000, 1'020'000, kByInterrupt).end(100, 1, 1'050'000).finish();
	EXPECT_EQ(row().at("sleep_ns"), 10'000u);
}

TEST_F(AnalysisTest, WithoutContextSwitchesNothingIsSaidOfThem)
{
	recording_.comm(100, 100, 900, "app").to_cpu(100, 1000).off_cpu(100, 1010).sample(100, 100, 1020, 1).finish();
	run();
	EXPECT_FALSE(analysis_->has_switches);
	EXPECT_FALSE(analysis_->on_cpu.of(analysis_->threads.thread(100, 100)));
	const auto report = make_report(path_, {});
	ASSERT_TRUE(report.ok());
	EXPECT_EQ(report->table("threads")->column("on_cpu_ns"), -1);
}

} // namespace
} // namespace neuroperf::analyzer
