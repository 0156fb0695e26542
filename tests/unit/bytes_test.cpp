// SPDX-License-Identifier: Apache-2.0
#include "recording/bytes.hpp"

#include <gtest/gtest.h>

namespace neuroperf::recording {
namespace {

TEST(Cursor, ReadsWhatTheWriterWrote)
{
	ByteWriter out;
	out.put<uint16_t>(0x1234).put<uint64_t>(UINT64_MAX - 1).put_text("layer").put_bytes("ab").pad_to_multiple(8);
	EXPECT_EQ(out.size(), 24u);
	Cursor in(out.bytes());
	EXPECT_EQ(in.read<uint16_t>(), 0x1234);
	EXPECT_EQ(in.read<uint64_t>(), UINT64_MAX - 1);
	EXPECT_EQ(in.read_text(), "layer");
	EXPECT_EQ(in.read_bytes(2), "ab");
	EXPECT_EQ(in.left(), 6u);
	EXPECT_TRUE(in.ok());
}

TEST(Cursor, StaysFailedAfterTheFirstReadBeyondTheEnd)
{
	Cursor in(std::string_view("abcd"));
	EXPECT_EQ(in.read<uint64_t>(), 0u);
	EXPECT_FALSE(in.ok());
	EXPECT_EQ(in.read<uint8_t>(), 0u) << "there would be bytes, but what they mean is not known any more";
	EXPECT_EQ(in.position(), 0u);
}

TEST(Cursor, SizesThatWouldOverflowFail)
{
	Cursor in(std::string_view("abcdefgh"));
	in.skip(4);
	in.skip(SIZE_MAX);
	EXPECT_FALSE(in.ok());
	Cursor again(std::string_view("abcdefgh"));
	again.skip(4);
	EXPECT_EQ(again.read_bytes(SIZE_MAX - 2), "");
	EXPECT_FALSE(again.ok());
}

TEST(Cursor, TextNeedsItsEnd)
{
	Cursor in(std::string_view("no end"));
	EXPECT_EQ(in.read_text(), "");
	EXPECT_FALSE(in.ok());
	Cursor empty(nullptr, 0);
	EXPECT_EQ(empty.read_text(), "");
	EXPECT_FALSE(empty.ok());
}

TEST(ByteWriter, PadsOnlyWhereNeeded)
{
	EXPECT_EQ(ByteWriter().pad_to_multiple(8).size(), 0u);
	EXPECT_EQ(ByteWriter().put_bytes("12345678").pad_to_multiple(8).size(), 8u);
	EXPECT_EQ(ByteWriter().put_bytes("123456789").pad_to_multiple(8).size(), 16u);
}

} // namespace
} // namespace neuroperf::recording
