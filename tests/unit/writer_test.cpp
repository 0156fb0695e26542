// SPDX-License-Identifier: Apache-2.0
// The promise of the writer: at every moment the file holds exactly what was committed, for every reader.
#include "recording/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "recording/bytes.hpp"
#include "recording/reader.hpp"
#include "recording/records.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::recording {
namespace {

using test::read_file;
using test::RecordingBuilder;
using test::TemporaryFolder;
using test::write_file;
using testing::HasSubstr;

WriterOptions options_for(const std::string &path)
{
	WriterOptions options;
	options.path = path;
	options.events = collector::own_event_descriptions(false);
	options.features[kFeatureTracingData] = own_tracing_data({}, SIZE_MAX);
	options.features[kFeatureSampleTime] = std::string(16, '\0');
	return options;
}

std::string numbered(uint64_t number)
{
	return lost_record({1, 1, number, 0, 0}, 1, number, kOwnSampleType);
}

// The numbers of the LOST records that a reader finds; anything unexpected fails the test.
std::vector<uint64_t> numbers_in(const std::string &path)
{
	auto reader = PerfDataReader::open(path);
	EXPECT_TRUE(reader.ok()) << (reader.ok() ? "" : reader.error().what);
	std::vector<uint64_t> numbers;
	if (!reader.ok())
		return numbers;
	EXPECT_THAT(reader->problems(), testing::IsEmpty());
	EXPECT_EQ(reader->formats().size(), own_events().size());
	RecordStream stream = reader->records();
	RecordView view;
	RecordStream::Next next;
	while ((next = stream.next(&view)) == RecordStream::Next::record) {
		if (view.type == PERF_RECORD_LOST)
			numbers.push_back(load<uint64_t>(view.bytes.data() + 16));
		stream.release(view.block);
	}
	EXPECT_EQ(next, RecordStream::Next::end) << stream.problem();
	return numbers;
}

TEST(Writer, EveryCommitCountsAndNothingElse)
{
	const TemporaryFolder folder;
	auto writer = PerfDataWriter::create(options_for(folder.file("a.data")));
	ASSERT_TRUE(writer.ok());
	std::vector<uint64_t> committed;
	EXPECT_EQ(numbers_in(folder.file("a.data")), committed);
	for (uint64_t round = 0; round < 5; round++) {
		ASSERT_TRUE(writer->append(numbered(round) + finished_round_record()).ok());
		EXPECT_EQ(numbers_in(folder.file("a.data")), committed) << "appended is not committed";
		ASSERT_TRUE(writer->commit().ok());
		committed.push_back(round);
		EXPECT_EQ(numbers_in(folder.file("a.data")), committed);
		EXPECT_EQ(writer->file_size(), std::filesystem::file_size(folder.file("a.data")));
	}
}

// A kill may leave any part of a commit's bytes behind, and the data size before or after.
TEST(Writer, EveryPartOfACommitLeavesTheFileReadable)
{
	const TemporaryFolder folder;
	auto writer = PerfDataWriter::create(options_for(folder.file("a.data")));
	ASSERT_TRUE(writer.ok());
	ASSERT_TRUE(writer->append(numbered(1)).ok());
	ASSERT_TRUE(writer->commit().ok());
	const std::string before = read_file(folder.file("a.data"));
	ASSERT_TRUE(writer->append(numbered(2) + numbered(3)).ok());
	ASSERT_TRUE(writer->update_feature(kFeatureSampleTime, std::string(16, '\7')).ok());
	ASSERT_TRUE(writer->commit().ok());
	const std::string after = read_file(folder.file("a.data"));
	const std::string copy = folder.file("copy.data");
	ASSERT_EQ(after.substr(0, kDataSizeOffset), before.substr(0, kDataSizeOffset));
	ASSERT_EQ(after.substr(kDataSizeOffset + 8, before.size() - kDataSizeOffset - 8),
		  before.substr(kDataSizeOffset + 8))
		<< "published bytes are never written again";
	for (std::size_t written = before.size(); written <= after.size(); written++) {
		write_file(copy, before + after.substr(before.size(), written - before.size()));
		ASSERT_EQ(numbers_in(copy), (std::vector<uint64_t>{1})) << written << " bytes";
	}
	write_file(copy, after);
	EXPECT_EQ(numbers_in(copy), (std::vector<uint64_t>{1, 2, 3}));
}

TEST(Writer, LargeRoundsReachTheFileInPieces)
{
	const TemporaryFolder folder;
	auto writer = PerfDataWriter::create(options_for(folder.file("a.data")));
	ASSERT_TRUE(writer.ok());
	const std::string filler = covering_record(std::string(60000, 'x'));
	for (int i = 0; i < 50; i++)
		ASSERT_TRUE(writer->append(filler).ok());
	EXPECT_GT(std::filesystem::file_size(folder.file("a.data")), 2'000'000u) << "3 MB do not stay in memory";
	EXPECT_TRUE(numbers_in(folder.file("a.data")).empty());
	ASSERT_TRUE(writer->append(numbered(1)).ok());
	ASSERT_TRUE(writer->commit().ok());
	EXPECT_EQ(numbers_in(folder.file("a.data")), (std::vector<uint64_t>{1}));
}

TEST(Writer, LateContentsReplaceTheEarlierOnesFromTheCommitOn)
{
	const TemporaryFolder folder;
	const std::string path = folder.file("a.data");
	RecordingBuilder recording(path);
	recording.define_layer(1, "early").round().commit();
	recording.define_layer(2, "late").round();
	const auto has_name = [&path](std::string_view name) {
		return PerfDataReader::open(path).ok() &&
		       read_file(path).find(std::string("\"") + std::string(name) + "\"") != std::string::npos;
	};
	EXPECT_TRUE(has_name("early"));
	EXPECT_FALSE(has_name("late"));
	recording.commit();
	EXPECT_TRUE(has_name("late"));
	const auto reader = PerfDataReader::open(path);
	ASSERT_TRUE(reader.ok());
	EXPECT_EQ(reader->formats().size(), own_events().size()) << "read from inside the data";
	EXPECT_EQ(reader->text_feature(kFeatureHostname), "test-host");
	EXPECT_EQ(reader->command_line(), (std::vector<std::string>{"./app"}));
}

TEST(Writer, ContentsThatCannotBeReplacedAreRefused)
{
	const TemporaryFolder folder;
	auto writer = PerfDataWriter::create(options_for(folder.file("a.data")));
	ASSERT_TRUE(writer.ok());
	EXPECT_FALSE(writer->update_feature(kFeatureHostname, "was not announced").ok());
	EXPECT_FALSE(writer->update_feature(kFeatureSampleTime, std::string(65001, 'x')).ok());
	EXPECT_TRUE(numbers_in(folder.file("a.data")).empty());
}

TEST(Writer, KeepsTheOlderFile)
{
	const TemporaryFolder folder;
	write_file(folder.file("a.data"), "older");
	ASSERT_TRUE(PerfDataWriter::create(options_for(folder.file("a.data"))).ok());
	EXPECT_EQ(read_file(folder.file("a.data.old")), "older");
	EXPECT_TRUE(PerfDataReader::open(folder.file("a.data")).ok());
}

TEST(Writer, RefusesWhatIsNoRegularFileAndLeavesItAlone)
{
	const TemporaryFolder folder;
	std::filesystem::create_directory(folder.file("folder"));
	write_file(folder.file("target"), "precious");
	std::filesystem::create_symlink("target", folder.file("link"));
	ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
	for (const char *name : {"folder", "link", "pipe"}) {
		const auto writer = PerfDataWriter::create(options_for(folder.file(name)));
		ASSERT_FALSE(writer.ok()) << name;
		EXPECT_THAT(writer.error().what, HasSubstr("not a regular file"));
	}
	EXPECT_EQ(read_file(folder.file("target")), "precious");
	EXPECT_FALSE(PerfDataWriter::create(options_for("/dev/null")).ok());
	EXPECT_FALSE(PerfDataWriter::create(options_for(folder.file("missing/a.data"))).ok());
	int files = 0;
	for (const auto &entry : std::filesystem::directory_iterator(folder.path()))
		files += entry.path().extension() == ".part";
	EXPECT_EQ(files, 0) << "nothing unfinished is left behind";
}

TEST(Writer, AnOldFileThatCannotBeKeptIsNotOverwritten)
{
	const TemporaryFolder folder;
	write_file(folder.file("a.data"), "older");
	std::filesystem::create_directory(folder.file("a.data.old"));
	EXPECT_FALSE(PerfDataWriter::create(options_for(folder.file("a.data"))).ok());
	EXPECT_EQ(read_file(folder.file("a.data")), "older");
}

// In a child process, as the limit stays.
int write_until_full(const std::string &path)
{
	std::signal(SIGXFSZ, SIG_IGN);
	const rlimit limit{40000, 40000};
	::setrlimit(RLIMIT_FSIZE, &limit);
	auto writer = PerfDataWriter::create(options_for(path));
	if (!writer.ok() || !writer->append(numbered(1)).ok() || !writer->commit().ok())
		return 10;
	const std::string large = covering_record(std::string(60000, 'x'));
	const bool appended = writer->append(numbered(2) + large).ok();
	if (appended && writer->commit().ok())
		return 11; // it cannot have fit
	if (!writer->append(numbered(3)).ok() || !writer->commit().ok())
		return 12; // less than what was given up still fits
	return 0;
}

TEST(Writer, AFullDiskKeepsWhatWasCommitted)
{
	const TemporaryFolder folder;
	const pid_t child = ::fork();
	if (child == 0)
		::_exit(write_until_full(folder.file("a.data")));
	int status = 0;
	ASSERT_EQ(::waitpid(child, &status, 0), child);
	ASSERT_EQ(WEXITSTATUS(status), 0);
	EXPECT_EQ(numbers_in(folder.file("a.data")), (std::vector<uint64_t>{1, 3}));
}

} // namespace
} // namespace neuroperf::recording
