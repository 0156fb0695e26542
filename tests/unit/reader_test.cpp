// SPDX-License-Identifier: Apache-2.0
#include "recording/reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recording/bytes.hpp"
#include "recording/private_section.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::recording {
namespace {

using test::read_file;
using test::RecordingBuilder;
using test::TemporaryFolder;
using test::write_file;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class Reader : public testing::Test {
protected:
	// A recording of three rounds with a layer, as bytes.
	std::string three_rounds()
	{
		RecordingBuilder recording(path_);
		recording.define_layer(1, "hidden");
		for (uint64_t time = 1000; time < 4000; time += 1000)
			recording.begin(1, 1, time).end(1, 1, time + 500).round().commit();
		recording.finish();
		return read_file(path_);
	}
	Result<PerfDataReader> open(std::string_view bytes)
	{
		write_file(path_, bytes);
		return PerfDataReader::open(path_);
	}
	std::string error_of(std::string_view bytes)
	{
		const auto reader = open(bytes);
		EXPECT_FALSE(reader.ok());
		return reader.ok() ? "" : reader.error().what;
	}

	TemporaryFolder folder_;
	std::string path_ = folder_.file("a.data");
};

std::string with_u64(std::string bytes, std::size_t at, uint64_t value)
{
	std::memcpy(bytes.data() + at, &value, sizeof value);
	return bytes;
}

uint64_t u64_at(std::string_view bytes, std::size_t at)
{
	return load<uint64_t>(bytes.data() + at);
}

TEST_F(Reader, SaysWhatAFileIsThatIsNoRecording)
{
	const std::string good = three_rounds();
	EXPECT_THAT(error_of(""), HasSubstr("empty"));
	EXPECT_THAT(error_of("#!/bin/sh\necho no recording\n"), HasSubstr("not a recording"));
	EXPECT_THAT(error_of(good.substr(0, 60)), HasSubstr("cut inside its header"));
	EXPECT_THAT(error_of(with_u64(good, 0, kPerfMagicSwapped)), HasSubstr("big-endian"));
	EXPECT_THAT(error_of(with_u64(good, 8, 16)), HasSubstr("names no events"));
	EXPECT_THAT(error_of(with_u64(good, 16, 8)), HasSubstr("header is damaged"));
	EXPECT_THAT(error_of(with_u64(good, 40, good.size() + 1)), HasSubstr("cut before its data"));
	EXPECT_THAT(error_of(with_u64(good, 48, UINT64_MAX)), HasSubstr("cut before its data"));
	EXPECT_THAT(error_of(with_u64(good, 32, 0)), HasSubstr("no events"));
}

TEST_F(Reader, MissingFilesAndFoldersAreErrors)
{
	const auto missing = PerfDataReader::open(folder_.file("missing"));
	ASSERT_FALSE(missing.ok());
	EXPECT_EQ(missing.error().code, ErrorCode::not_found);
	EXPECT_FALSE(PerfDataReader::open(folder_.path()).ok());
	EXPECT_FALSE(PerfDataReader::open("/dev/null").ok());
}

TEST_F(Reader, NamesEventsByTheirFormats)
{
	const auto reader = open(three_rounds());
	ASSERT_TRUE(reader.ok());
	EXPECT_THAT(reader->problems(), IsEmpty());
	std::vector<std::string> names;
	for (const RecordedEvent &event : reader->events())
		names.push_back(event.name);
	EXPECT_THAT(names, Contains("cpu-clock"));
	EXPECT_THAT(names, Contains("neuroperf:layer_begin"));
	EXPECT_EQ(reader->event_of(RecordingBuilder::kSamplingId), 0);
	EXPECT_EQ(reader->event_of(123456), -1);
	EXPECT_EQ(reader->event_of_sample("short"), -1);
	EXPECT_TRUE(decode_private_section(reader->private_section()).ok());
}

TEST_F(Reader, TakesAnOlderTableWhereTheLastOneIsGone)
{
	const std::string good = three_rounds();
	const uint64_t data_end = u64_at(good, 40) + u64_at(good, 48);
	// Cut in the middle of the last table, and far inside the data.
	for (const uint64_t size : {data_end + 8, data_end, data_end - 100}) {
		const auto reader = open(std::string_view(good).substr(0, size));
		ASSERT_TRUE(reader.ok()) << size;
		EXPECT_THAT(reader->problems(), Contains(HasSubstr("an older copy was used"))) << size;
		EXPECT_EQ(reader->formats().size(), own_events().size()) << size;
	}
	const auto nothing_left = open(std::string_view(good).substr(0, u64_at(good, 40) + 8));
	ASSERT_TRUE(nothing_left.ok());
	EXPECT_THAT(nothing_left->problems(), Contains(HasSubstr("events cannot be named")));
}

TEST_F(Reader, SectionsBeyondTheFileAreLeftOut)
{
	const std::string good = three_rounds();
	const uint64_t table = u64_at(good, 40) + u64_at(good, 48);
	for (const uint64_t value : {uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
		for (std::size_t at = table + 16; at < good.size(); at += 8) {
			const auto reader = open(with_u64(good, at, value));
			ASSERT_TRUE(reader.ok());
			EXPECT_THAT(reader->problems(), Contains(HasSubstr("an older copy was used"))) << at;
		}
		const auto private_one = open(with_u64(good, 64, value));
		ASSERT_TRUE(private_one.ok());
		EXPECT_EQ(private_one->private_section(), "");
	}
}

TEST_F(Reader, AttrsOfOtherSizesAreRead)
{
	// The file of an older tool: 64 bytes of attr and the ids.
	RecordingBuilder recording(path_);
	recording.finish();
	std::string bytes = read_file(path_);
	const uint64_t at = u64_at(bytes, 24), count = u64_at(bytes, 32) / 144;
	std::string shorter;
	for (uint64_t i = 0; i < count; i++)
		shorter += bytes.substr(at + i * 144, 64) + bytes.substr(at + i * 144 + 128, 16);
	bytes.replace(at, shorter.size(), shorter);
	bytes = with_u64(with_u64(bytes, 16, 80), 32, shorter.size());
	const auto reader = open(bytes);
	ASSERT_TRUE(reader.ok());
	ASSERT_EQ(reader->events().size(), count);
	EXPECT_EQ(reader->event_of(RecordingBuilder::kSamplingId), 0);
}

TEST_F(Reader, DoesNotKeepASentencePerDamagedFormat)
{
	TracingSystem system{"broken", {}};
	for (int i = 0; i < 5000; i++)
		system.formats.push_back("name: x");
	WriterOptions options;
	options.path = path_;
	options.events = collector::own_event_descriptions(false);
	options.features[kFeatureTracingData] = build_tracing_data({system});
	ASSERT_TRUE(PerfDataWriter::create(options).ok());
	const auto reader = PerfDataReader::open(path_);
	ASSERT_TRUE(reader.ok());
	EXPECT_LT(reader->problems().size(), 100u);
	EXPECT_THAT(reader->problems(), Contains(HasSubstr("more")));
}

TEST(PrivateSection, RoundTripAndDamage)
{
	const std::string section = encode_private_section({{"schema", kPrivateSchema}, {"n", 1}});
	const auto json = decode_private_section(section);
	ASSERT_TRUE(json.ok());
	EXPECT_EQ((*json)["n"], 1);
	for (std::size_t size = 0; size < section.size(); size++)
		EXPECT_FALSE(decode_private_section(std::string_view(section).substr(0, size)).ok());
	EXPECT_FALSE(decode_private_section(ByteWriter().put_bytes("nperfsec").put<uint64_t>(2).put_bytes("[]").take())
			     .ok());
}

} // namespace
} // namespace neuroperf::recording
