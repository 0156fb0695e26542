// SPDX-License-Identifier: Apache-2.0
#include "recording/records.hpp"

#include <gtest/gtest.h>

#include "recording/bytes.hpp"
#include "recording/event_formats.hpp"
#include "recording/perf_layout.hpp"
#include "recording/sample_layout.hpp"
#include "tests/support/layout_of.hpp"

namespace neuroperf::recording {
namespace {

perf_event_header header_of(std::string_view record)
{
	return load<perf_event_header>(record.data());
}

TEST(Records, SizesAreMultiplesOfEightAndTrue)
{
	const RecordIdentity who{1, 2, 3, 4, 5};
	for (const std::string &record :
	     {finished_round_record(), covering_record("abc"), covering_record(""), comm_record(who, "python3", ~0ull),
	      lost_record(who, 9, 10, 0), kernel_mmap_record(who, 0x1000, 0x2000, "", PERF_SAMPLE_TIME)}) {
		EXPECT_EQ(record.size() % 8, 0u);
		EXPECT_EQ(header_of(record).size, record.size());
	}
	EXPECT_EQ(header_of(covering_record("abc")).type, kRecordEventType);
}

TEST(Records, LargestLateContentsFitOneRecord)
{
	const std::string record = covering_record(std::string(65000, 'x'));
	EXPECT_LE(record.size(), kMaxRecordSize);
	EXPECT_EQ(header_of(record).size, record.size());
}

TEST(Records, TrailerReadsBack)
{
	const uint64_t type =
		PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_ID;
	const std::string record = comm_record({11, 12, 13, 14, 15}, "worker", type);
	RecordIdentity read;
	ASSERT_TRUE(layout_of(type, 0, true).parse_trailer(record, &read));
	EXPECT_EQ(read.pid, 11u);
	EXPECT_EQ(read.tid, 12u);
	EXPECT_EQ(read.time_ns, 13u);
	EXPECT_EQ(read.cpu, 14u);
	EXPECT_EQ(read.id, 15u);
	EXPECT_EQ(layout_of(type, 0, true).time_of_other(record), 13u);
}

TEST(Records, ForkReadsBack)
{
	const std::string record = fork_record({11, 12, 13, 14, 15}, 9, 10, PERF_RECORD_MISC_FORK_EXEC, kTrailerFields);
	EXPECT_EQ(header_of(record).type, uint32_t{PERF_RECORD_FORK});
	EXPECT_EQ(header_of(record).misc, PERF_RECORD_MISC_FORK_EXEC);
	EXPECT_EQ(header_of(record).size, record.size());
	Cursor in(std::string_view(record).substr(kRecordHeaderSize));
	EXPECT_EQ(in.read<uint32_t>(), 11u);
	EXPECT_EQ(in.read<uint32_t>(), 9u);
	EXPECT_EQ(in.read<uint32_t>(), 12u);
	EXPECT_EQ(in.read<uint32_t>(), 10u);
	EXPECT_EQ(in.read<uint64_t>(), 13u);
	EXPECT_EQ(layout_of(kTrailerFields, 0, true).time_of_other(record), 13u);
}

TEST(Records, MappingReadsBack)
{
	MappedFile file;
	file.start = 0x7000;
	file.length = 0x1000;
	file.file_offset = 0x2000;
	file.device_major = 8;
	file.device_minor = 1;
	file.inode = 77;
	file.protection = 5;
	file.flags = 2;
	file.path = "/lib/a b.so";
	for (const std::string &id : {std::string(), std::string("\1\2\3\4\5\6\7\10"), std::string(32, 'i')}) {
		file.build_id = id;
		const std::string record =
			mmap2_record({11, 12, 13, 14, 15}, PERF_RECORD_MISC_USER, file, kTrailerFields);
		EXPECT_EQ(header_of(record).size, record.size());
		EXPECT_EQ(header_of(record).misc,
			  PERF_RECORD_MISC_USER | (id.empty() ? 0 : PERF_RECORD_MISC_MMAP_BUILD_ID));
		Cursor in(std::string_view(record).substr(kRecordHeaderSize));
		EXPECT_EQ(in.read<uint64_t>(), 11u | uint64_t{12} << 32);
		EXPECT_EQ(in.read<uint64_t>(), 0x7000u);
		EXPECT_EQ(in.read<uint64_t>(), 0x1000u);
		EXPECT_EQ(in.read<uint64_t>(), 0x2000u);
		const std::string_view identity = in.read_bytes(24);
		if (id.empty()) {
			EXPECT_EQ(load<uint64_t>(identity.data()), 8u | uint64_t{1} << 32);
			EXPECT_EQ(load<uint64_t>(identity.data() + 8), 77u);
		} else {
			EXPECT_EQ(load<uint32_t>(identity.data()), std::min<std::size_t>(id.size(), 20));
			EXPECT_EQ(identity.substr(4, std::min<std::size_t>(id.size(), 20)), id.substr(0, 20));
		}
		EXPECT_EQ(in.read<uint64_t>(), 5u | uint64_t{2} << 32);
		EXPECT_EQ(in.read_text(), "/lib/a b.so");
		EXPECT_EQ(layout_of(kTrailerFields, 0, true).time_of_other(record), 13u);
	}
	file.build_id = {};
	const std::string long_path(70000, 'x');
	file.path = long_path;
	const std::string record = mmap2_record({}, 0, file, kTrailerFields);
	EXPECT_EQ(header_of(record).size, record.size()) << "a path that no record could hold is cut";
}

TEST(OwnSamples, FastAndGeneralEncodersAgree)
{
	const CountPayload payload{{static_cast<uint16_t>(OwnEvent::spikes), 0, 0, 2}, 77, 88};
	const std::string_view bytes(reinterpret_cast<const char *>(&payload), sizeof payload);
	for (const bool callchain : {false, true}) {
		const RecordIdentity who{1, 2, 3, 0, 99};
		std::string general;
		append_own_sample(&general, who, callchain, bytes);
		std::string fast(own_sample_size(sizeof payload, callchain), '?');
		const char *const end = encode_own_sample<CountPayload>(fast.data(), who, callchain,
									static_cast<uint16_t>(OwnEvent::spikes),
									payload.layer, payload.count);
		EXPECT_EQ(end, fast.data() + fast.size());
		EXPECT_EQ(fast, general);
		EXPECT_EQ(fast.size() % 8, 0u);
		Sample sample;
		const uint64_t type = kOwnSampleType | (callchain ? PERF_SAMPLE_CALLCHAIN : 0);
		ASSERT_TRUE(layout_of(type, 0, true).parse_sample(fast, &sample));
		EXPECT_EQ(sample.identity.id, 99u);
		EXPECT_EQ(sample.identity.time_ns, 3u);
		EXPECT_EQ(sample.callchain_length, 0u);
		EXPECT_EQ(sample.raw.substr(0, sizeof payload), bytes);
	}
}

TEST(TextPayload, CutsAtFourKibAndAtNul)
{
	TextPayload payload(StatPayload{{}, 0, 5});
	payload.text(offsetof(StatPayload, name), std::string(10000, 'n'));
	EXPECT_EQ(payload.bytes().size(), sizeof(StatPayload) + 4097);
	TextPayload short_one(StatPayload{{}, 0, 5});
	short_one.text(offsetof(StatPayload, name), std::string_view("ab\0cd", 5));
	EXPECT_EQ(short_one.bytes().size(), sizeof(StatPayload) + 3);
	const auto location = load<uint32_t>(short_one.bytes().data() + offsetof(StatPayload, name));
	EXPECT_EQ(location >> 16, 3u);
	EXPECT_EQ(location & 0xffff, sizeof(StatPayload));
}

} // namespace
} // namespace neuroperf::recording
