// SPDX-License-Identifier: Apache-2.0
// Attaching to instrumented programs that run already: exact counts of what a scripted program does.
#include "collector/attached_events.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "tests/privileged/require.hpp"
#include "tests/support/puppet.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

#include "analyzer/analysis.hpp"

namespace neuroperf::collector {
namespace {

using test::Puppet;

const std::string kPrograms = NEUROPERF_PROGRAMS;
constexpr std::size_t kRingBytes = 64u << 20;

struct Told {
	uint64_t calls = 0, spikes = 0;
	bool operator==(const Told &) const = default;
};
std::ostream &operator<<(std::ostream &out, const Told &told)
{
	return out << told.calls << " calls, " << told.spikes << " spikes";
}

// As counted_layer_run counts: call i fires i % 4 times.
Told told(uint64_t threads, uint64_t calls)
{
	uint64_t spikes = 0;
	for (uint64_t i = 0; i < calls; i++)
		spikes += i % 4;
	return {threads * calls, threads * spikes};
}

class Attach : public testing::Test {
protected:
	void SetUp() override
	{
		test::require(test::is_root(), "root", "this user is not root");
		if (IsSkipped() || HasFatalFailure())
			return;
		ready(&puppet_);
		before_ = puppet_.ask("site").substr(0, 19);
	}
	static void ready(Puppet *puppet) { ASSERT_EQ(puppet->hear(), "ready " + std::to_string(puppet->pid())); }
	void attach(const std::vector<int> &pids, std::size_t ring_bytes = kRingBytes)
	{
		auto opened = AttachedEvents::open(pids, ring_bytes);
		if (!opened.ok() && opened.error().code == ErrorCode::unsupported)
			test::require(false, "bpf", opened.error().what);
		ASSERT_TRUE(opened.ok()) << opened.error().what << "; " << opened.error().hint;
		events_.emplace(std::move(*opened));
		ASSERT_GE(counts().sites_attached, 1u);
		EXPECT_EQ(counts().sites_failed, 0u);
	}
	const AttachedEventsCounts &counts() const { return events_->counts(); }
	void drain()
	{
		events_->drain(&encoder_);
		for (const Definition &definition : events_->take_definitions()) {
			EXPECT_EQ(definition.what, static_cast<uint32_t>(NP_DEFINES_LAYER));
			recording_.define_layer(definition.id, definition.name, definition.kind);
		}
	}
	// Detaches, takes the rest and reads the recording.
	std::map<std::string, Told> finish()
	{
		events_->detach();
		drain();
		recording_.finish();
		auto reader = recording::PerfDataReader::open(path_);
		EXPECT_TRUE(reader.ok());
		analyzer::Symbolizer symbolizer{analyzer::Symbolizer::Options{}};
		analyzer::Analysis analysis(0, &symbolizer);
		EXPECT_TRUE(analyzer::analyze(*reader, {}, &analysis).ok());
		std::map<std::string, Told> layers;
		for (const analyzer::Definition &layer : analysis.layers.definitions())
			if (!layer.steady.empty())
				layers[layer.name] = {layer.steady.calls, layer.steady.spikes};
		EXPECT_EQ(analysis.layers.problems().bad_number, 0u);
		disorder_ = analysis.layers.problems().begin_without_end + analysis.layers.problems().end_without_begin;
		return layers;
	}
	void expect_nothing_lost() const
	{
		EXPECT_EQ(counts().dropped, 0u);
		EXPECT_EQ(counts().bad_records, 0u);
		EXPECT_EQ(counts().unknown_handles, 0u);
		EXPECT_EQ(counts().recursion_misses, 0u);
		EXPECT_EQ(counts().malformed_definitions, 0u);
		EXPECT_EQ(disorder_, 0u);
	}

	Puppet puppet_{kPrograms + "/puppet"};
	test::TemporaryFolder folder_;
	std::string path_ = folder_.file("a.data");
	test::RecordingBuilder recording_{path_};
	OwnEventEncoder encoder_{&recording_.writer(), false};
	std::optional<AttachedEvents> events_;
	std::string before_; // the bytes of the site
	uint64_t disorder_ = 0;
};

TEST_F(Attach, ThreadsFromBeforeAndAfterAreCountedExactly)
{
	ASSERT_EQ(puppet_.ask("hold early 3000 5"), "held");
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("release"), "released");
	ASSERT_EQ(puppet_.ask("run late 2000 7"), "ran"); // the layer too is defined after attaching
	const std::map<std::string, Told> expected = {{"early", told(5, 3000)}, {"late", told(7, 2000)}};
	EXPECT_EQ(finish(), expected);
	expect_nothing_lost();
	EXPECT_EQ(counts().events, 3u * (5 * 3000 + 7 * 2000));
}

TEST_F(Attach, WhileDraining)
{
	attach({puppet_.pid()}, 1u << 20);
	std::atomic<bool> over = false;
	std::thread puppeteer([&] {
		EXPECT_EQ(puppet_.ask("run busy 100000 2"), "ran");
		over = true;
	});
	double fullest = 0;
	while (!over) {
		fullest = std::max(fullest, events_->drain(&encoder_));
		events_->rescan();
	}
	puppeteer.join();
	const std::map<std::string, Told> expected = {{"busy", told(2, 100000)}};
	const auto layers = finish();
	EXPECT_GT(fullest, 0);
	if (counts().dropped == 0) {
		EXPECT_EQ(layers, expected);
		expect_nothing_lost();
	} else { // a busy machine: then the loss must be counted
		EXPECT_EQ(counts().events + counts().dropped, 3u * 200000);
	}
}

TEST_F(Attach, AFullRingCountsWhatItDrops)
{
	attach({puppet_.pid()}, 64u << 10);
	ASSERT_EQ(puppet_.ask("run much 10000 2"), "ran");
	finish();
	EXPECT_GT(counts().dropped, 0u);
	EXPECT_EQ(counts().events + counts().dropped, 3u * 2 * 10000);
}

TEST_F(Attach, ALibraryLoadedLaterIsFoundByRescan)
{
	attach({puppet_.pid()});
	EXPECT_EQ(counts().sites_found, 1u);
	ASSERT_EQ(puppet_.ask("load " + kPrograms + "/libloaded_c.so"), "loaded");
	events_->rescan();
	EXPECT_EQ(counts().sites_attached, 2u);
	ASSERT_EQ(puppet_.ask("call 100"), "called");
	drain();
	ASSERT_EQ(puppet_.ask("unload"), "unloaded");
	events_->rescan();
	ASSERT_EQ(puppet_.ask("load " + kPrograms + "/libloaded_cpp.so"), "loaded");
	events_->rescan();
	EXPECT_EQ(counts().sites_attached, 3u);
	ASSERT_EQ(puppet_.ask("call 10"), "called");
	ASSERT_EQ(puppet_.ask("run common 10 1"), "ran"); // the same words in the program: the same layer
	const auto layers = finish();
	EXPECT_EQ(layers.at("loaded").calls, 110u);
	EXPECT_EQ(layers.at("common").calls, 120u);
	expect_nothing_lost();
}

TEST_F(Attach, DetachingLeavesTheProgramAsItWas)
{
	const std::string before = puppet_.ask("site");
	EXPECT_NE(before.find("listeners 0 recording 0"), std::string::npos) << before;
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run some 1000 2"), "ran");
	const std::string during = puppet_.ask("site");
	EXPECT_NE(during.find("listeners 1 recording 1"), std::string::npos) << during;
	EXPECT_NE(during.substr(0, 19), before.substr(0, 19));
	if (events_->uses_calls()) {
		EXPECT_EQ(during.substr(5, 4), "90e8") << during;
	}
	events_.reset();
	EXPECT_EQ(puppet_.ask("site"), before);
	EXPECT_EQ(puppet_.ask("hits 100000").substr(0, 16), "hits corrupted 0");
	// And once more, with two recorders at a time.
	attach({puppet_.pid()});
	auto second = AttachedEvents::open({puppet_.pid()}, kRingBytes);
	ASSERT_TRUE(second.ok());
	EXPECT_NE(puppet_.ask("site").find("recording 1"), std::string::npos);
	ASSERT_EQ(puppet_.ask("run twice 100 1"), "ran");
	second->detach();
	test::TemporaryFolder folder;
	test::RecordingBuilder recording{folder.file("b.data")};
	OwnEventEncoder encoder{&recording.writer(), false};
	second->drain(&encoder);
	EXPECT_EQ(encoder.counts().layer_calls, 100u);
	EXPECT_EQ(finish().at("twice"), told(1, 100));
	EXPECT_EQ(puppet_.ask("site"), before);
	EXPECT_EQ(puppet_.ask("quit"), "bye");
	EXPECT_EQ(puppet_.wait(), 0);
}

TEST_F(Attach, TwoMillionHitsChangeNothingOfTheCaller)
{
	attach({puppet_.pid()}, 256u << 20);
	const std::string answer = puppet_.ask("hits 2000000");
	EXPECT_EQ(answer.substr(0, 16), "hits corrupted 0") << answer;
	EXPECT_EQ(finish(), (std::map<std::string, Told>{{"hits", {0, 2000000}}}));
	expect_nothing_lost();
	if (!events_->uses_calls())
		GTEST_SKIP() << "needs a kernel that turns uprobes on nops into calls (6.18, x86-64)";
}

TEST_F(Attach, ManyProcessesAreLetGoAtATime)
{
	std::vector<std::unique_ptr<Puppet>> puppets;
	std::vector<int> pids;
	for (int i = 0; i < 40; i++) {
		puppets.push_back(std::make_unique<Puppet>(kPrograms + "/puppet"));
		ready(puppets.back().get());
		pids.push_back(puppets.back()->pid());
	}
	attach(pids);
	EXPECT_EQ(counts().sites_attached, 40u);
	for (auto &puppet : puppets)
		ASSERT_EQ(puppet->ask("run many 100 1"), "ran");
	const auto begin = std::chrono::steady_clock::now();
	events_->detach();
	EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4)) << "one by one it takes longer";
	for (auto &puppet : puppets)
		EXPECT_EQ(puppet->ask("site").substr(0, 19), before_);
	EXPECT_EQ(finish().at("many"), told(40, 100));
	expect_nothing_lost();
}

TEST_F(Attach, ForkedChildrenAreAttachedToAtOnce)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run parent 100 2"), "ran"); // the site is a call by now
	for (uint64_t generation = 1; generation <= 3; generation++) {
		ASSERT_NE(std::stoi(puppet_.ask("become").substr(6)), puppet_.pid());
		pollfd entry{events_->descriptor(), POLLIN, 0};
		ASSERT_EQ(::poll(&entry, 1, 5000), 1) << "the kernel tells of the child";
		drain();
		EXPECT_EQ(::poll(&entry, 1, 0), 0) << "once";
		EXPECT_EQ(counts().children, generation);
		EXPECT_NE(puppet_.ask("site").find("listeners 1 recording 1"), std::string::npos);
		ASSERT_EQ(puppet_.ask("run child 300 2"), "ran");
		ASSERT_EQ(puppet_.ask("run child 300 2"), "ran");
		EXPECT_EQ(puppet_.ask("hits 1000").substr(0, 16), "hits corrupted 0");
	}
	EXPECT_EQ(counts().inherited_calls, events_->uses_calls() ? 3u : 0u);
	EXPECT_EQ(counts().children_missed, 0u);
	EXPECT_LT(counts().latest_child_ns, 1'000'000'000u);
	const auto layers = finish();
	EXPECT_EQ(layers.at("parent"), told(2, 100));
	EXPECT_EQ(layers.at("child"), told(12, 300));
	expect_nothing_lost();
	EXPECT_EQ(puppet_.ask("site"), before_ + " listeners 0 recording 0");
}

TEST_F(Attach, AChildThatIsStillThereWhenWeGoIsAsItWas)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run parent 100 2"), "ran");
	puppet_.ask("become");
	puppet_.ask("become");
	EXPECT_NE(puppet_.ask("site").find("listeners 1"), std::string::npos) << "inherited";
	events_->detach();
	EXPECT_EQ(puppet_.ask("site"), before_ + " listeners 0 recording 0");
	EXPECT_EQ(counts().inherited_calls, events_->uses_calls() ? 2u : 0u) << "of the process between them too";
	ASSERT_EQ(puppet_.ask("run unseen 100 2"), "ran");
	EXPECT_EQ(puppet_.ask("hits 1000").substr(0, 16), "hits corrupted 0");
}

TEST_F(Attach, AChildOutlivesItsParent)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run parent 100 2"), "ran");
	drain();
	puppet_.ask("leave");
	drain();
	for (int i = 0; i < 100 && counts().processes_gone == 0; i++) { // the child may be faster than its parent ends
		events_->rescan();
		::usleep(10'000);
	}
	EXPECT_EQ(counts().processes_gone, 1u);
	EXPECT_TRUE(events_->has_processes());
	ASSERT_EQ(puppet_.ask("run child 300 2"), "ran");
	drain();
	events_->rescan();
	ASSERT_EQ(puppet_.ask("run child 300 2"), "ran");
	const std::map<std::string, Told> expected = {{"parent", told(2, 100)}, {"child", told(4, 300)}};
	EXPECT_EQ(finish(), expected);
	expect_nothing_lost();
	EXPECT_EQ(puppet_.ask("site"), before_ + " listeners 0 recording 0");
}

TEST_F(Attach, AProgramThatAChildStartsIsAttachedTo)
{
	const std::string copy = folder_.file("puppet"); // a file that nobody has attached to
	std::filesystem::copy_file(kPrograms + "/puppet", copy);
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run first 100 1"), "ran");
	puppet_.ask("become");
	drain();
	ASSERT_EQ(puppet_.ask("exec " + copy).substr(0, 5), "ready");
	drain();
	ASSERT_EQ(puppet_.ask("run second 100 1"), "ran");
	const std::map<std::string, Told> expected = {{"first", told(1, 100)}, {"second", told(1, 100)}};
	EXPECT_EQ(finish(), expected);
	expect_nothing_lost();
	EXPECT_EQ(puppet_.ask("site"), before_ + " listeners 0 recording 0");
}

TEST_F(Attach, AChildFromBeforeIsNotAttachedTo)
{
	puppet_.ask("become");
	attach({puppet_.pid()}); // the parent, which only waits
	drain();
	events_->rescan();
	EXPECT_EQ(puppet_.ask("site"), before_ + " listeners 0 recording 0");
}

TEST_F(Attach, ProcessesOfAListAsTheyCome)
{
	std::vector<int> listed;
	auto opened = AttachedEvents::open(AttachedTarget{{}, [&] { return listed; }, false}, kRingBytes);
	ASSERT_TRUE(opened.ok()) << opened.error().what;
	events_.emplace(std::move(*opened));
	EXPECT_EQ(counts().processes, 0u);
	listed = {puppet_.pid(), 1 << 22}; // no process has this number
	events_->rescan();
	EXPECT_EQ(counts().processes, 1u);
	ASSERT_EQ(puppet_.ask("run listed 100 1"), "ran");
	puppet_.ask("become");
	drain();
	ASSERT_EQ(puppet_.ask("run child 100 1"), "ran");
	const std::map<std::string, Told> expected = {{"listed", told(1, 100)}, {"child", told(1, 100)}};
	EXPECT_EQ(finish(), expected);
	expect_nothing_lost();
}

TEST_F(Attach, EveryProgramThatStarts)
{
	auto opened = AttachedEvents::open(AttachedTarget{{}, [] { return std::vector<int>(); }, true}, kRingBytes);
	ASSERT_TRUE(opened.ok()) << opened.error().what;
	events_.emplace(std::move(*opened));
	Puppet other(kPrograms + "/puppet"); // not by us, not listed
	ready(&other);
	for (int i = 0; i < 100 && other.ask("site").find("listeners 1") == std::string::npos; i++)
		drain();
	ASSERT_EQ(other.ask("run started 100 1"), "ran");
	EXPECT_EQ(finish().at("started"), told(1, 100));
	EXPECT_EQ(other.ask("site"), before_ + " listeners 0 recording 0");
}

TEST_F(Attach, ChildrenThatEndBeforeWeLookAreCounted)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run parent 100 2"), "ran"); // the site is a call by now
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(puppet_.ask("fork 1000").substr(0, 7), "child 0");
	drain();
	EXPECT_EQ(counts().children_missed, 5u);
	ASSERT_EQ(puppet_.ask("run parent 100 2"), "ran");
	const auto layers = finish();
	EXPECT_EQ(layers.at("parent"), told(4, 100));
	EXPECT_FALSE(layers.contains("child"));
}

TEST_F(Attach, ManyProcessesShareTheProbesOfTheirFile)
{
	std::vector<std::unique_ptr<Puppet>> puppets;
	std::vector<int> pids;
	for (int i = 0; i < 8; i++) {
		puppets.push_back(std::make_unique<Puppet>(kPrograms + "/puppet"));
		ready(puppets.back().get());
		pids.push_back(puppets.back()->pid());
	}
	attach(pids);
	EXPECT_NE(puppet_.ask("site").find("recording 1"), std::string::npos) << "of the same program, but not named";
	ASSERT_EQ(puppet_.ask("run unnamed 100 1"), "ran");
	for (auto &puppet : puppets)
		ASSERT_EQ(puppet->ask("run many 100 1"), "ran");
	drain();
	Puppet &last = *puppets.back();
	for (int generation = 0; generation < 2; generation++) {
		last.ask("become");
		drain();
		EXPECT_NE(last.ask("site").find("listeners 1 recording 1"), std::string::npos);
		ASSERT_EQ(last.ask("run child 100 1"), "ran");
		ASSERT_EQ(last.ask("run child 100 1"), "ran");
		EXPECT_EQ(last.ask("hits 1000").substr(0, 16), "hits corrupted 0");
	}
	EXPECT_EQ(counts().children, 2u);
	puppet_.ask("become"); // of this one we are not told
	ASSERT_EQ(puppet_.ask("run unnamed 100 1"), "ran");
	last.ask("become"); // this one we do not look at any more
	const auto layers = finish();
	EXPECT_EQ(layers.at("many"), told(8, 100));
	EXPECT_EQ(layers.at("child"), told(4, 100));
	EXPECT_FALSE(layers.contains("unnamed"));
	expect_nothing_lost();
	const std::string before = before_ + " listeners 0 recording 0";
	EXPECT_EQ(puppet_.ask("site"), before);
	for (auto &puppet : puppets) {
		EXPECT_EQ(puppet->ask("site"), before);
		EXPECT_EQ(puppet->ask("run after 100 1"), "ran");
	}
}

TEST_F(Attach, AForkedChildCanBeAttachedToItself)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run parent 100 2"), "ran");
	const std::string answer = puppet_.ask("become");
	const int child = std::stoi(answer.substr(6));
	ASSERT_NE(child, puppet_.pid()) << answer;
	ASSERT_EQ(puppet_.ask("run unseen 100 2"), "ran");
	drain();
	events_.reset(); // takes the parent's call out of the child too
	attach({child});
	ASSERT_EQ(puppet_.ask("run child 300 2"), "ran");
	ASSERT_EQ(puppet_.ask("run child 300 2"), "ran");
	const std::map<std::string, Told> expected = {{"parent", told(2, 100)}, {"child", told(4, 300)}};
	EXPECT_EQ(finish(), expected);
	EXPECT_EQ(puppet_.ask("site"), before_ + " listeners 0 recording 0");
	expect_nothing_lost();
}

TEST_F(Attach, ParentAndForkedChildAtATime)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run parent 100 2"), "ran");
	const int child = std::stoi(puppet_.ask("become").substr(6));
	auto of_child = AttachedEvents::open({child}, kRingBytes);
	ASSERT_TRUE(of_child.ok());
	ASSERT_EQ(puppet_.ask("run child 300 2"), "ran"); // may be recorded or not, but lives
	EXPECT_EQ(finish().at("parent"), told(2, 100));
	EXPECT_EQ(puppet_.ask("run child 300 2"), "ran");
	of_child->detach();
	EXPECT_EQ(puppet_.ask("site").substr(0, 19), before_);
	EXPECT_EQ(puppet_.ask("run child 300 2"), "ran");
}

TEST_F(Attach, AProcessThatEndsWhileAttached)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run last 100 1"), "ran");
	EXPECT_TRUE(events_->has_processes());
	puppet_.kill();
	events_->rescan();
	EXPECT_FALSE(events_->has_processes());
	EXPECT_EQ(counts().processes_gone, 1u);
	events_->rescan();
	EXPECT_EQ(counts().processes_gone, 1u);
	drain();
	EXPECT_EQ(finish().at("").calls, 100u) << "its definitions died with it";
	EXPECT_EQ(counts().unknown_handles, 300u);
}

TEST_F(Attach, AProcessThatStartsAnotherProgram)
{
	attach({puppet_.pid()});
	ASSERT_EQ(puppet_.ask("run first 100 1"), "ran");
	drain();
	ASSERT_EQ(puppet_.ask("exec"), "ready " + std::to_string(puppet_.pid()));
	events_->rescan();
	ASSERT_EQ(puppet_.ask("run second 100 1"), "ran");
	const std::map<std::string, Told> expected = {{"first", told(1, 100)}, {"second", told(1, 100)}};
	EXPECT_EQ(finish(), expected);
	expect_nothing_lost();
}

TEST_F(Attach, TwoProcessesShareTheLayersTheyHaveInCommon)
{
	Puppet other(kPrograms + "/puppet");
	ready(&other);
	attach({puppet_.pid(), other.pid()});
	ASSERT_EQ(puppet_.ask("run both 100 2"), "ran");
	ASSERT_EQ(other.ask("run both 50 1"), "ran");
	ASSERT_EQ(other.ask("run alone 10 1"), "ran");
	const auto layers = finish();
	EXPECT_EQ(layers.at("both"), (Told{250, told(2, 100).spikes + told(1, 50).spikes}));
	EXPECT_EQ(layers.at("alone").calls, 10u);
	EXPECT_EQ(layers.size(), 2u);
	expect_nothing_lost();
}

TEST_F(Attach, AProgramThatIsNotInstrumentedHasNoSites)
{
	Puppet other("/bin/cat");
	ASSERT_EQ(other.ask("x"), "x");
	auto opened = AttachedEvents::open({other.pid()}, kRingBytes);
	ASSERT_TRUE(opened.ok()) << opened.error().what;
	EXPECT_EQ(opened->counts().sites_found, 0u);
	EXPECT_EQ(opened->counts().objects_unreadable, 0u);
}

TEST_F(Attach, WithoutPrivilegeTheErrorSaysWhatToDo)
{
	constexpr uid_t kNobody = 65534;
	const pid_t child = ::fork();
	if (child == 0) { // by another user, and who it was cannot be taken back
		const bool other =
			::setresgid(kNobody, kNobody, kNobody) == 0 && ::setresuid(kNobody, kNobody, kNobody) == 0;
		const auto opened = AttachedEvents::open({::getpid()}, kRingBytes);
		::_exit(other && !opened.ok() && opened.error().code == ErrorCode::privilege &&
					opened.error().hint.find("run as root") != std::string::npos
				? 0
				: 1);
	}
	int status = -1;
	::waitpid(child, &status, 0);
	EXPECT_EQ(status, 0);
}

TEST_F(Attach, NoSuchProcessIsAnError)
{
	Puppet other("/bin/cat");
	const int pid = other.pid();
	other.kill();
	const auto opened = AttachedEvents::open({pid}, kRingBytes);
	ASSERT_FALSE(opened.ok());
	EXPECT_EQ(opened.error().code, ErrorCode::not_found) << opened.error().what;
}

} // namespace
} // namespace neuroperf::collector
