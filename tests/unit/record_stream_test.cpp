// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "recording/bytes.hpp"
#include "recording/reader.hpp"
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

TEST(RecordStream, RecordsAcrossBlocksStayWhole)
{
	std::string bytes;
	std::vector<std::size_t> sizes;
	while (bytes.size() < 3 * RecordStream::kBlockSize) {
		sizes.push_back(8 + sizes.size() % 900 * 72 % 65000 / 8 * 8);
		bytes += covering_record(std::string(sizes.back(), static_cast<char>('a' + sizes.size() % 26)));
	}
	const UniqueFd fd = memory_with(bytes);
	RecordStream stream(fd.get(), 0, bytes.size());
	std::vector<RecordView> views; // all pinned: none may be overwritten
	RecordView view;
	while (stream.next(&view) == Next::record)
		views.push_back(view);
	ASSERT_EQ(views.size(), sizes.size());
	std::size_t at = 0;
	for (const RecordView &seen : views) {
		ASSERT_EQ(seen.bytes, std::string_view(bytes).substr(at, seen.bytes.size()));
		at += seen.bytes.size();
	}
	EXPECT_GE(stream.pinned_bytes(), 3 * RecordStream::kBlockSize);
	for (const RecordView &seen : views)
		stream.release(seen.block);
	EXPECT_LE(stream.pinned_bytes(), RecordStream::kBlockSize);
	EXPECT_EQ(stream.next(&view), Next::end);
}

TEST(RecordStream, ReleasedBlocksAreUsedAgain)
{
	const std::string record = covering_record(std::string(60000, 'x'));
	std::string bytes;
	while (bytes.size() < 20 * RecordStream::kBlockSize)
		bytes += record;
	const UniqueFd fd = memory_with(bytes);
	RecordStream stream(fd.get(), 0, bytes.size());
	RecordView view;
	std::size_t most = 0;
	while (stream.next(&view) == Next::record) {
		stream.release(view.block);
		most = std::max(most, stream.pinned_bytes());
	}
	EXPECT_LE(most, 2 * RecordStream::kBlockSize);
}

TEST(RecordStream, ACutRecordIsNamedWithItsPlace)
{
	const std::string bytes = finished_round_record() + covering_record("12345678");
	const UniqueFd fd = memory_with(bytes);
	for (std::size_t size = 9; size < bytes.size(); size++) {
		RecordStream stream(fd.get(), 0, size);
		RecordView view;
		ASSERT_EQ(stream.next(&view), Next::record) << size;
		ASSERT_EQ(stream.next(&view), Next::damaged) << size;
		EXPECT_THAT(stream.problem(), HasSubstr("cut inside a record at byte 8"));
		EXPECT_EQ(stream.next(&view), Next::damaged) << "and stays so";
	}
}

TEST(RecordStream, ARecordSmallerThanItsHeaderEndsTheReading)
{
	const std::string zeros(64, '\0');
	const UniqueFd fd = memory_with(finished_round_record() + zeros);
	RecordStream stream(fd.get(), 0, 72);
	RecordView view;
	EXPECT_EQ(stream.next(&view), Next::record);
	EXPECT_EQ(stream.next(&view), Next::damaged);
	EXPECT_THAT(stream.problem(), HasSubstr("damaged at byte 8"));
}

TEST(RecordStream, EndsWhereTheFileDoesWhateverItWasTold)
{
	const UniqueFd fd = memory_with(finished_round_record());
	RecordStream stream(fd.get(), 0, UINT64_MAX / 2);
	RecordView view;
	EXPECT_EQ(stream.next(&view), Next::record);
	EXPECT_EQ(stream.next(&view), Next::end);
	RecordStream nothing(fd.get(), 0, 0);
	EXPECT_EQ(nothing.next(&view), Next::end);
	RecordStream beyond(fd.get(), 1 << 20, 2 << 20);
	EXPECT_EQ(beyond.next(&view), Next::end);
}

TEST(RecordStream, AnUnreadableFileIsDamage)
{
	RecordStream stream(-1, 0, 100);
	RecordView view;
	EXPECT_EQ(stream.next(&view), Next::damaged);
	EXPECT_THAT(stream.problem(), HasSubstr("reading failed at byte 0"));
}

} // namespace
} // namespace neuroperf::recording
