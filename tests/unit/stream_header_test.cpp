// SPDX-License-Identifier: Apache-2.0
// Streams (perf record -o -): events and features come as records.
#include "recording/stream_header.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>

#include "recording/event_names.hpp"
#include "recording/reader.hpp"
#include "recording/records.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::recording {
namespace {

std::string record(uint32_t type, std::string_view body)
{
	ByteWriter bytes;
	bytes.put(perf_event_header{type, 0, static_cast<uint16_t>(kRecordHeaderSize + body.size())});
	return bytes.put_bytes(body).take();
}

std::string attr_record(uint64_t config, std::initializer_list<uint64_t> ids)
{
	perf_event_attr attr = {};
	attr.size = kAttrSize;
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = config;
	attr.sample_type = PERF_SAMPLE_ID | PERF_SAMPLE_IP | PERF_SAMPLE_TIME;
	ByteWriter body;
	body.put_bytes({reinterpret_cast<const char *>(&attr), kAttrSize});
	for (const uint64_t id : ids)
		body.put(id);
	return record(kRecordAttr, body.bytes());
}

std::string sample(uint64_t id)
{
	return record(PERF_RECORD_SAMPLE, ByteWriter().put<uint64_t>(0x1000).put<uint64_t>(5).put(id).bytes());
}

std::string feature(uint64_t number, std::string_view text)
{
	ByteWriter body;
	body.put(number).put<uint32_t>(64).put_text(text).pad_to_multiple(8);
	return record(kRecordFeature, body.bytes() + std::string(64, '\0'));
}

std::string stream_of(std::string_view records)
{
	return ByteWriter().put(kPerfMagic).put<uint64_t>(16).put_bytes(records).take();
}

class StreamTest : public testing::Test {
protected:
	PerfDataReader open(std::string_view bytes)
	{
		const std::string path = folder_.file("stream");
		UniqueFd fd(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600));
		EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
		auto reader = PerfDataReader::open(path);
		EXPECT_TRUE(reader.ok()) << reader.error().what;
		return std::move(*reader);
	}
	test::TemporaryFolder folder_;
};

TEST_F(StreamTest, EventsNamesAndFeatures)
{
	ByteWriter name;
	name.put<uint64_t>(2).put<uint64_t>(12).put_bytes(std::string("cycles:upp\0\0\0\0\0\0", 16));
	const PerfDataReader reader = open(stream_of(attr_record(0, {10, 11}) + attr_record(1, {12}) +
						     record(kRecordEventUpdate, name.bytes()) +
						     feature(kFeatureHostname, "board") + sample(12)));
	ASSERT_EQ(reader.events().size(), 2u);
	EXPECT_EQ(reader.events()[0].name, "cpu-clock");
	EXPECT_EQ(reader.events()[1].name, "cycles:upp");
	EXPECT_EQ(reader.text_feature(kFeatureHostname), "board");
	EXPECT_EQ(reader.event_of(11), 0);
	EXPECT_EQ(reader.event_of_sample(sample(12)), 1) << "by the id, which stands behind address and time";
	EXPECT_EQ(reader.event_of_sample(sample(99)), -1);
}

TEST_F(StreamTest, WhatComesBehindTheFirstSampleIsNoHeader)
{
	const PerfDataReader reader = open(stream_of(attr_record(0, {10}) + sample(10) + attr_record(1, {12})));
	EXPECT_EQ(reader.events().size(), 1u);
}

TEST_F(StreamTest, DamagedAttrsAreLeftOut)
{
	std::string small = attr_record(1, {12});
	small[kRecordHeaderSize + 4] = 8; // its own size
	const PerfDataReader reader = open(stream_of(small + record(kRecordAttr, "short") + attr_record(0, {10})));
	EXPECT_EQ(reader.events().size(), 1u);
}

TEST_F(StreamTest, APipeIsCopiedAndRead)
{
	int ends[2];
	ASSERT_EQ(::pipe(ends), 0);
	const std::string bytes = stream_of(attr_record(0, {10}) + sample(10));
	std::thread writer([&] {
		for (std::size_t at = 0; at < bytes.size(); at += 7)
			EXPECT_GT(::write(ends[1], bytes.data() + at, std::min<std::size_t>(7, bytes.size() - at)), 0);
		::close(ends[1]);
	});
	const auto reader = PerfDataReader::open("/proc/self/fd/" + std::to_string(ends[0]));
	writer.join();
	::close(ends[0]);
	ASSERT_TRUE(reader.ok()) << reader.error().what;
	EXPECT_EQ(reader->events().size(), 1u);
	EXPECT_EQ(reader->file_size(), bytes.size());
}

TEST(EventNames, AsPerfHasThem)
{
	perf_event_attr attr = {};
	attr.type = PERF_TYPE_HARDWARE;
	attr.config = PERF_COUNT_HW_INSTRUCTIONS;
	EXPECT_EQ(event_name(attr), "instructions");
	attr.exclude_kernel = attr.exclude_hv = 1;
	EXPECT_EQ(event_name(attr), "instructions:u");
	attr.type = PERF_TYPE_RAW;
	attr.config = 0x1c2;
	attr.exclude_kernel = attr.exclude_hv = 0;
	EXPECT_EQ(event_name(attr), "raw 0x1c2");
	attr.type = 77;
	EXPECT_EQ(event_name(attr), "event type 77 config 0x1c2");
}

} // namespace
} // namespace neuroperf::recording
