// SPDX-License-Identifier: Apache-2.0
// Compressed recordings: what goes in comes out, for our reader and for perf, after every commit.
#include "recording/record_compressor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <random>

#include "recording/reader.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::recording {
namespace {

using test::RecordingBuilder;
using test::TemporaryFolder;

std::string numbered(uint64_t number)
{
	return lost_record({1, 1, number, 0, 0}, 1, number, kOwnSampleType);
}

std::string large_record(std::size_t size, unsigned seed)
{
	std::minstd_rand random(seed);
	std::string body(size, '\0');
	for (char &byte : body)
		byte = static_cast<char>(random() >> 8);
	return record_with_trailer(PERF_RECORD_THROTTLE, 0, body, 0, {});
}

// Types of the records in the file itself, compressed ones unopened.
std::vector<uint32_t> outer_types(std::string_view records)
{
	std::vector<uint32_t> types;
	while (records.size() >= kRecordHeaderSize) {
		const auto header = load<perf_event_header>(records.data());
		EXPECT_GE(header.size, kRecordHeaderSize);
		EXPECT_EQ(header.size % 8, 0);
		types.push_back(header.type);
		records.remove_prefix(std::min<std::size_t>(header.size, records.size()));
	}
	EXPECT_EQ(records, "");
	return types;
}

std::string unpacked(const std::string &packed)
{
	const TemporaryFolder folder;
	test::write_file(folder.file("a"), packed);
	const UniqueFd file(::open(folder.file("a").c_str(), O_RDONLY));
	RecordStream stream(file.get(), 0, packed.size());
	RecordView view;
	RecordStream::Next next;
	std::string all;
	while ((next = stream.next(&view)) == RecordStream::Next::record) {
		all += view.bytes;
		stream.release(view.block);
	}
	EXPECT_EQ(next, RecordStream::Next::end) << stream.problem();
	return all;
}

TEST(RecordCompressor, WhatGoesInComesOut)
{
	for (const int level : {1, 3, 19}) {
		auto compressor = RecordCompressor::create(level);
		ASSERT_TRUE(compressor.ok());
		std::string all, packed;
		for (unsigned i = 0; i < 60; i++) {
			std::string batch;
			for (unsigned k = 0; k < i * 20; k++)
				batch += numbered(k);
			if (i % 4 == 0)
				batch += large_record(i % 8 == 0 ? 65512 : 1000 * i + 1, i); // over the end of a chunk
			if (i % 5 == 0)
				batch += finished_round_record() + numbered(i) + covering_record("plain");
			ASSERT_TRUE(compressor->add(batch, &packed).ok());
			all += batch;
			if (i % 7 == 0) {
				ASSERT_TRUE(compressor->flush(&packed).ok());
				EXPECT_EQ(unpacked(packed).size(), all.size()) << "readable after every flush";
			}
		}
		ASSERT_TRUE(compressor->flush(&packed).ok());
		EXPECT_EQ(unpacked(packed), all);
		EXPECT_LT(packed.size(), all.size());
		for (const uint32_t type : outer_types(packed))
			EXPECT_TRUE(type == kRecordCompressed || type == kRecordFinishedRound ||
				    type == kRecordEventType)
				<< type;
	}
}

TEST(RecordCompressor, RecordsOfUserSpaceStandWhereTheyStood)
{
	auto compressor = RecordCompressor::create(1);
	std::string packed;
	ASSERT_TRUE(compressor
			    ->add(numbered(1) + finished_round_record() + finished_round_record() + numbered(2) +
					  covering_record("x") + numbered(3),
				  &packed)
			    .ok());
	ASSERT_TRUE(compressor->flush(&packed).ok());
	ASSERT_TRUE(compressor->flush(&packed).ok());
	EXPECT_EQ(outer_types(packed),
		  (std::vector<uint32_t>{kRecordCompressed, kRecordFinishedRound, kRecordFinishedRound,
					 kRecordCompressed, kRecordEventType, kRecordCompressed}))
		<< "no record is without contents: perf takes that for an error";
}

TEST(RecordCompressor, LevelsThatAreNone)
{
	for (const int level : {-1, 0, 23, 1000}) {
		const auto compressor = RecordCompressor::create(level);
		ASSERT_FALSE(compressor.ok());
		EXPECT_EQ(compressor.error().code, ErrorCode::usage);
	}
	const TemporaryFolder folder;
	WriterOptions options;
	options.path = folder.file("a.data");
	options.compression_level = 99;
	EXPECT_FALSE(PerfDataWriter::create(options).ok());
	EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// A recording of some thousand events, committed now and then; the copies hold what a kill would have left.
std::vector<std::string> record_some(const std::string &path, int level, bool copies)
{
	RecordingBuilder::Options options;
	options.compression_level = level;
	options.callchain = true;
	RecordingBuilder recording(path, options);
	std::vector<std::string> states;
	recording.define_layer(1, "hidden").define_layer(2, "output");
	recording.comm(100, 7, 1, "worker").map(100, 1, 0x1000, 0x100000, 0, "/usr/bin/app");
	uint64_t time = 1000;
	for (uint32_t round = 0; round < 40; round++) {
		for (uint32_t i = 0; i < round * 10; i++, time += 100) {
			recording.begin(7, 1 + i % 2, time).end(7, 1 + i % 2, time + 50);
			recording.sample(100, 7, time + 60, 0x1234 + i,
					 {PERF_CONTEXT_USER, 0x1234 + i, 0x2000 + i % 7, 0x3000});
		}
		recording.round();
		if (round % 3 == 0) {
			recording.commit();
			if (copies)
				states.push_back(test::read_file(path));
		}
	}
	recording.finish();
	states.push_back(test::read_file(path));
	return states;
}

uint64_t count_events(const std::string &path)
{
	const auto reader = PerfDataReader::open(path);
	EXPECT_TRUE(reader.ok());
	EXPECT_TRUE(reader->problems().empty());
	RecordStream stream = reader->records();
	RecordView view;
	RecordStream::Next next;
	uint64_t count = 0;
	while ((next = stream.next(&view)) == RecordStream::Next::record) {
		count += view.type == PERF_RECORD_SAMPLE;
		stream.release(view.block);
	}
	EXPECT_EQ(next, RecordStream::Next::end) << stream.problem();
	return count;
}

TEST(CompressedRecording, IsWholeAtEveryCommit)
{
	const TemporaryFolder folder;
	const auto packed = record_some(folder.file("packed.data"), 1, true);
	const auto plain = record_some(folder.file("plain.data"), 0, true);
	ASSERT_EQ(packed.size(), plain.size());
	for (std::size_t i = 0; i < packed.size(); i++) {
		test::write_file(folder.file("a"), packed[i]);
		test::write_file(folder.file("b"), plain[i]);
		EXPECT_EQ(count_events(folder.file("a")), count_events(folder.file("b"))) << "commit " << i;
	}
	EXPECT_LT(packed.back().size(), plain.back().size() / 2);
}

// Any part of the next commit's bytes may follow.
TEST(CompressedRecording, IsWholeWhateverAKillLeavesBehind)
{
	const TemporaryFolder folder;
	const auto states = record_some(folder.file("a.data"), 1, true);
	const std::string &before = states[2], &after = states[3];
	test::write_file(folder.file("b"), before);
	const uint64_t expected = count_events(folder.file("b"));
	for (std::size_t size = before.size(); size <= after.size(); size += 97) {
		test::write_file(folder.file("b"), before + after.substr(before.size(), size - before.size()));
		ASSERT_EQ(count_events(folder.file("b")), expected);
	}
}

std::string output_of(const std::string &command)
{
	FILE *const pipe = ::popen((command + " 2>&1").c_str(), "r");
	std::string all;
	char block[4096];
	while (const std::size_t got = std::fread(block, 1, sizeof block, pipe))
		all.append(block, got);
	const int status = ::pclose(pipe);
	return all + fmt::format("status {}", status);
}

TEST(CompressedRecording, PerfReadsTheSame)
{
	if (std::system("perf version --build-options 2>/dev/null | grep -q 'zstd: \\[ on'") != 0)
		GTEST_SKIP() << "needs perf with zstd";
	const TemporaryFolder folder;
	const auto packed = record_some(folder.file("packed.data"), 1, true);
	record_some(folder.file("plain.data"), 0, false);
	const auto script = [&folder](const std::string &name) {
		return output_of("timeout 60 perf script -i " + folder.file(name));
	};
	const std::string all = script("packed.data");
	EXPECT_EQ(all, script("plain.data"));
	EXPECT_THAT(all, testing::HasSubstr("layer_begin"));
	EXPECT_THAT(all, testing::EndsWith("status 0"));
	EXPECT_THAT(output_of("timeout 60 perf report --header-only -i " + folder.file("packed.data")),
		    testing::ContainsRegex("compressed : Zstd, level = 1, ratio = 1[0-9]"));
	for (std::size_t i = 0; i < packed.size(); i += 5) {
		test::write_file(folder.file("cut.data"), packed[i]);
		EXPECT_THAT(script("cut.data"), testing::EndsWith("status 0")) << "commit " << i;
		EXPECT_THAT(output_of("timeout 60 perf report --stdio -i " + folder.file("cut.data")),
			    testing::EndsWith("status 0"));
	}
}

// Chunks that are full, records over their ends, records that cannot be compressed.
TEST(CompressedRecording, PerfReadsLargeRounds)
{
	if (std::system("perf version --build-options 2>/dev/null | grep -q 'zstd: \\[ on'") != 0)
		GTEST_SKIP() << "needs perf with zstd";
	const TemporaryFolder folder;
	RecordingBuilder::Options options;
	options.compression_level = 3;
	options.callchain = true;
	RecordingBuilder recording(folder.file("a.data"), options);
	std::minstd_rand random(1);
	recording.comm(100, 7, 1, "worker");
	for (uint64_t i = 0; i < 5000; i++) {
		std::vector<uint64_t> chain = {PERF_CONTEXT_USER};
		for (uint64_t k = 0; k < random() % 125; k++)
			chain.push_back(uint64_t{random()} << 17 ^ random());
		recording.sample(100, 7, 1000 + i, 0x1234, chain);
		if (i % 1000 == 999)
			recording.round().commit();
	}
	recording.finish();
	ASSERT_EQ(count_events(folder.file("a.data")), 5000u + 1);
	EXPECT_THAT(output_of("timeout 60 perf script -F time -i " + folder.file("a.data") + " | grep -c '\\.'"),
		    testing::StartsWith("500"));
}

// In a child process, as the limit stays.
int write_until_full(const std::string &path)
{
	std::signal(SIGXFSZ, SIG_IGN);
	const rlimit limit{60000, 60000};
	::setrlimit(RLIMIT_FSIZE, &limit);
	WriterOptions options;
	options.path = path;
	options.compression_level = 1;
	options.events = collector::own_event_descriptions(false);
	options.features[kFeatureTracingData] = own_tracing_data({}, SIZE_MAX);
	auto writer = PerfDataWriter::create(options);
	if (!writer.ok() || !writer->append(numbered(1)).ok() || !writer->commit().ok())
		return 10;
	if (writer->append(numbered(2) + large_record(65000, 1)).ok() && writer->commit().ok())
		return 11; // it cannot have fit
	if (!writer->append(numbered(3)).ok() || !writer->commit().ok())
		return 12;
	return 0;
}

TEST(CompressedRecording, AFullDiskKeepsWhatWasCommitted)
{
	const TemporaryFolder folder;
	const pid_t child = ::fork();
	if (child == 0)
		::_exit(write_until_full(folder.file("a.data")));
	int status = 0;
	ASSERT_EQ(::waitpid(child, &status, 0), child);
	ASSERT_EQ(WEXITSTATUS(status), 0);
	const auto reader = PerfDataReader::open(folder.file("a.data"));
	ASSERT_TRUE(reader.ok());
	RecordStream stream = reader->records();
	RecordView view;
	std::vector<uint64_t> numbers;
	RecordStream::Next next;
	while ((next = stream.next(&view)) == RecordStream::Next::record) {
		if (view.type == PERF_RECORD_LOST)
			numbers.push_back(load<uint64_t>(view.bytes.data() + 16));
		stream.release(view.block);
	}
	EXPECT_EQ(next, RecordStream::Next::end) << stream.problem();
	EXPECT_EQ(numbers, (std::vector<uint64_t>{1, 3})) << "the later one stands as it is: the stream is broken";
}

} // namespace
} // namespace neuroperf::recording
