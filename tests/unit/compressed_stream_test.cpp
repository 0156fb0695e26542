// SPDX-License-Identifier: Apache-2.0
// Records inside compressed ones, and bytes that stand behind records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <memory>

#include "recording/record_stream.hpp"
#include "recording/records.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::recording {
namespace {

using testing::HasSubstr;
using Next = RecordStream::Next;

UniqueFd memory_with(std::string_view bytes)
{
	UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
	EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
	return fd;
}

std::string record(uint32_t type, std::string_view body)
{
	ByteWriter bytes;
	bytes.put(perf_event_header{type, 0, static_cast<uint16_t>(kRecordHeaderSize + body.size())});
	return bytes.put_bytes(body).take();
}

// As `perf record -z` does it: one zstd stream over all records, flushed for each.
class Compressor {
public:
	std::string record_with(std::string_view content)
	{
		std::string packed(ZSTD_compressBound(content.size()) + 64, '\0');
		ZSTD_inBuffer in = {content.data(), content.size(), 0};
		ZSTD_outBuffer out = {packed.data(), packed.size(), 0};
		EXPECT_EQ(ZSTD_compressStream2(context_.get(), &out, &in, ZSTD_e_flush), 0u);
		return record(kRecordCompressed, packed.substr(0, out.pos));
	}

private:
	struct End {
		void operator()(ZSTD_CCtx *context) const { ZSTD_freeCCtx(context); }
	};
	std::unique_ptr<ZSTD_CCtx, End> context_{ZSTD_createCCtx()};
};

// Types and sizes of all records, "65:108 68:8 end".
std::string listed(std::string_view bytes, std::string *problem = nullptr)
{
	const UniqueFd fd = memory_with(bytes);
	RecordStream stream(fd.get(), 0, bytes.size());
	RecordView view;
	std::string list;
	Next next;
	while ((next = stream.next(&view)) == Next::record) {
		list += std::to_string(view.type) + ":" + std::to_string(view.bytes.size()) + " ";
		stream.release(view.block);
	}
	if (problem)
		*problem = stream.problem();
	return list + (next == Next::end ? "end" : "damaged");
}

TEST(CompressedRecords, AreReadAsWhatIsInThem)
{
	Compressor compressor;
	const std::string inner = covering_record(std::string(100, 'a')) + covering_record(std::string(60, 'b'));
	std::string bytes = covering_record("plain");
	bytes += compressor.record_with(inner);
	bytes += finished_round_record();
	bytes += compressor.record_with(inner);
	EXPECT_EQ(listed(bytes), "65:16 65:112 65:72 68:8 65:112 65:72 end");
}

TEST(CompressedRecords, MayShareOneInnerRecord)
{
	Compressor compressor;
	const std::string inner = covering_record(std::string(1000, 'a'));
	std::string bytes = compressor.record_with(inner.substr(0, 300));
	bytes += compressor.record_with(inner.substr(300));
	EXPECT_EQ(listed(bytes), "65:1008 end");
}

TEST(CompressedRecords, MayHoldMoreThanABlock)
{
	Compressor compressor;
	std::string inner, expected;
	while (inner.size() < 5 * RecordStream::kBlockSize) {
		inner += covering_record(std::string(50000, 'z'));
		expected += "65:50008 ";
	}
	EXPECT_EQ(listed(compressor.record_with(inner)), expected + "end");
}

TEST(CompressedRecords, OfTheSecondKindSayHowLongTheyAre)
{
	Compressor compressor;
	const std::string packed = compressor.record_with(finished_round_record()).substr(kRecordHeaderSize);
	ByteWriter body;
	body.put<uint64_t>(packed.size()).put_bytes(packed).put_bytes("padding");
	EXPECT_EQ(listed(record(kRecordCompressed2, body.bytes())), "68:8 end");
}

TEST(CompressedRecords, DamageIsToldAndEndsTheReading)
{
	Compressor compressor;
	std::string bytes = finished_round_record() + compressor.record_with(covering_record(std::string(5000, 'a')));
	bytes[finished_round_record().size() + kRecordHeaderSize] ^= 0x55;
	std::string problem;
	EXPECT_EQ(listed(bytes + finished_round_record(), &problem), "68:8 damaged");
	EXPECT_THAT(problem, HasSubstr("cannot be unpacked"));
	EXPECT_EQ(listed(record(kRecordCompressed, "")), "end") << "an empty one holds nothing";
	EXPECT_EQ(listed(record(kRecordCompressed2, "")), "end");
}

TEST(PayloadsBehindRecords, AreSteppedOver)
{
	const std::string trace =
		record(kRecordAuxTrace, ByteWriter().put<uint64_t>(3'000'000).bytes()) + std::string(3'000'000, '\xff');
	const std::string tracing =
		record(kRecordTracingData, ByteWriter().put<uint32_t>(13).put<uint32_t>(0).bytes()) +
		std::string(16, '\xff'); // rounded up to 8
	const std::string bytes = trace + tracing + finished_round_record();
	EXPECT_EQ(listed(bytes), "71:16 66:16 68:8 end");
	const UniqueFd fd = memory_with(bytes);
	RecordStream stream(fd.get(), 0, bytes.size());
	RecordView view;
	ASSERT_EQ(stream.next(&view), Next::record);
	EXPECT_EQ(stream.hardware_trace_bytes(), 3'000'000u);
	EXPECT_EQ(stream.last_payload(), 16u);
	ASSERT_EQ(stream.next(&view), Next::record);
	EXPECT_EQ(stream.last_payload(), trace.size() + 16);
}

TEST(PayloadsBehindRecords, BeyondTheFileAreDamage)
{
	std::string problem;
	const std::string bytes = record(kRecordAuxTrace, ByteWriter().put<uint64_t>(UINT64_MAX).bytes()) + "12345678";
	EXPECT_EQ(listed(bytes, &problem), "damaged");
	EXPECT_THAT(problem, HasSubstr("cut inside"));
}

} // namespace
} // namespace neuroperf::recording
