// SPDX-License-Identifier: Apache-2.0
// Rings that a program writes, as it likes.
#include "collector/mapped_rings.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace neuroperf::collector {
namespace {

class RingsOfAProgram : public testing::Test {
protected:
	static constexpr unsigned kRings = 2;
	static constexpr std::size_t kChunks = 2, kRingBytes = kChunks * NP_RING_CHUNK;

	RingsOfAProgram() : chunks_(kRings * kRingBytes), rings_(std::make_unique<MappedRings>())
	{
		rings_->use(positions_, chunks_.data(), kRings, kRingBytes);
	}

	char *at(unsigned ring, uint64_t position) { return &chunks_[ring * kRingBytes + position % kRingBytes]; }
	void header(unsigned ring, uint64_t position, uint32_t size)
	{
		const np_ring_record record{size, 0};
		std::memcpy(at(ring, position), &record, sizeof record);
	}
	void put(unsigned ring, const std::string &text)
	{
		uint64_t position = positions_[ring].written;
		const uint64_t size = sizeof(np_ring_record) + (text.size() + 7) / 8 * 8;
		if (NP_RING_CHUNK - position % NP_RING_CHUNK < size) {
			header(ring, position, NP_RING_NEXT_CHUNK);
			position += NP_RING_CHUNK - position % NP_RING_CHUNK;
		}
		header(ring, position, static_cast<uint32_t>(text.size()));
		std::memcpy(at(ring, position) + sizeof(np_ring_record), text.data(), text.size());
		positions_[ring].written = position + size;
	}
	std::vector<std::string> drained()
	{
		std::vector<std::string> found;
		rings_->drain(
			[](void *to, std::string_view record) {
				static_cast<std::vector<std::string> *>(to)->emplace_back(record);
			},
			&found);
		return found;
	}

	np_ring_positions positions_[kRings] = {};
	std::vector<char> chunks_;
	std::unique_ptr<MappedRings> rings_;
};

TEST_F(RingsOfAProgram, AreReadOneAfterTheOther)
{
	put(1, "one");
	put(0, "two");
	put(1, "three");
	EXPECT_EQ(drained(), (std::vector<std::string>{"two", "one", "three"}));
	EXPECT_EQ(drained(), std::vector<std::string>{});
	EXPECT_TRUE(rings_->is_empty(1));
	put(1, "four");
	EXPECT_FALSE(rings_->is_empty(1));
	EXPECT_EQ(drained(), std::vector<std::string>{"four"});
	EXPECT_EQ(positions_[1].read, positions_[1].written);
	EXPECT_EQ(rings_->corrupt(), 0u);
}

TEST_F(RingsOfAProgram, GoRoundManyTimes)
{
	for (std::size_t i = 0; i < 2000; i++) {
		const std::string text(i % 700, 'x');
		put(0, text);
		ASSERT_EQ(drained(), std::vector<std::string>{text});
	}
	EXPECT_GT(positions_[0].written, 4 * kRingBytes);
	EXPECT_EQ(rings_->corrupt(), 0u);
}

TEST_F(RingsOfAProgram, PositionsThatMakeNoSenseEmptyThem)
{
	put(0, "read");
	ASSERT_EQ(drained().size(), 1u);
	const uint64_t read = positions_[0].written;
	for (const uint64_t wrong : {read + kRingBytes + 1, UINT64_MAX, UINT64_MAX / 2, read - 1}) {
		positions_[0].written = wrong;
		EXPECT_EQ(drained(), std::vector<std::string>{}) << wrong;
		positions_[0].written = read;
		EXPECT_EQ(drained(), std::vector<std::string>{}) << wrong;
	}
	EXPECT_EQ(rings_->corrupt(), 8u);
	put(0, "again");
	EXPECT_EQ(drained(), std::vector<std::string>{"again"});
}

TEST_F(RingsOfAProgram, WhatTheProgramMakesOfOurPositionIsNotBelieved)
{
	put(0, "one");
	positions_[0].read = 1 << 20;
	EXPECT_EQ(drained(), std::vector<std::string>{"one"});
	put(0, "two");
	positions_[0].read = 0;
	EXPECT_EQ(drained(), std::vector<std::string>{"two"});
}

TEST_F(RingsOfAProgram, AnyContentEnds)
{
	std::mt19937 random(1);
	for (int i = 0; i < 300; i++) {
		for (char &byte : chunks_)
			byte = static_cast<char>(random() % 7 == 0 ? random() : 0);
		for (unsigned ring = 0; ring < kRings; ring++)
			positions_[ring].written += random() % (2 * kRingBytes);
		for (const std::string &record : drained())
			EXPECT_LE(record.size(), std::size_t{NP_RING_CHUNK});
	}
}

} // namespace
} // namespace neuroperf::collector
