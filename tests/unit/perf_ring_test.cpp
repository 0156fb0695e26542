// SPDX-License-Identifier: Apache-2.0
#include "collector/perf_ring.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "recording/records.hpp"

namespace neuroperf::collector {
namespace {

// Ring memory as the kernel would fill it.
class Ring : public testing::Test {
protected:
	static constexpr std::size_t kSize = 4096;

	// Writes behind the head and moves it.
	void write(std::string_view bytes)
	{
		for (const char byte : bytes)
			data_[page_.data_head++ % kSize] = byte;
	}
	std::string drain()
	{
		std::string bytes;
		ring_.drain(&bytes, &counts_);
		EXPECT_EQ(page_.data_tail, page_.data_head) << "the room is given back";
		return bytes;
	}
	static std::string sample(std::size_t body)
	{
		return recording::record_with_trailer(PERF_RECORD_SAMPLE, 0, std::string(body, 's'), 0, {});
	}

	perf_event_mmap_page page_ = {};
	std::vector<char> data_ = std::vector<char>(kSize);
	PerfRing ring_{&page_, data_.data(), kSize};
	PerfRecordCounts counts_;
};

TEST_F(Ring, EmptyGivesNothing)
{
	EXPECT_EQ(drain(), "");
	EXPECT_EQ(counts_.damaged, 0u);
}

TEST_F(Ring, RecordsThatWrapAroundAreWhole)
{
	std::mt19937 random(1);
	for (int i = 0; i < 2000; i++) {
		std::string expected;
		while (expected.size() < random() % 3000)
			expected += sample(random() % 100 * 8);
		if (expected.size() > kSize)
			continue;
		write(expected);
		ASSERT_EQ(drain(), expected) << i;
	}
	EXPECT_GT(counts_.samples, 1000u);
	EXPECT_EQ(counts_.damaged, 0u);
}

TEST_F(Ring, AFullRingIsTaken)
{
	write(sample(kSize - 8));
	EXPECT_EQ(drain().size(), kSize);
	EXPECT_EQ(counts_.samples, 1u);
}

TEST_F(Ring, LossesAreCounted)
{
	write(recording::lost_record({}, 1, 30, 0));
	write(recording::record_with_trailer(PERF_RECORD_LOST_SAMPLES, 0, std::string("\5\0\0\0\0\0\0\0", 8), 0, {}));
	drain();
	EXPECT_EQ(counts_.lost, 35u);
}

TEST_F(Ring, GarbageIsCountedAndLeftOutButWhatCameBeforeIsKept)
{
	const std::string good = sample(64);
	write(good + std::string(100, '\0'));
	EXPECT_EQ(drain(), good);
	write(good + std::string(64, '\xff')); // claims 65535 bytes
	EXPECT_EQ(drain(), good);
	write(good + "half");
	EXPECT_EQ(drain(), good);
	EXPECT_EQ(counts_.damaged, 2u);
	write(good);
	EXPECT_EQ(drain(), good) << "and it goes on";
}

TEST_F(Ring, PositionsThatMakeNoSenseAreSetBack)
{
	page_.data_head = UINT64_MAX - 100;
	EXPECT_EQ(drain(), "");
	EXPECT_EQ(counts_.damaged, 1u);
	write(sample(64));
	EXPECT_EQ(drain(), sample(64)) << "across the end of the 64-bit counter";
}

} // namespace
} // namespace neuroperf::collector
