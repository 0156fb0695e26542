// SPDX-License-Identifier: Apache-2.0
// Which places of this program have a probe, as its own memory shows.
#include "collector/switched_probes.hpp"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <usdt_events.skel.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "collector/libbpf_messages.hpp"
#include "tests/privileged/require.hpp"

extern "C" {
// Each with instructions of its own, so that they are not made one.
[[gnu::noinline, gnu::aligned(16)]] int np_place_0(int x)
{
	return x + 1;
}
[[gnu::noinline, gnu::aligned(16)]] int np_place_1(int x)
{
	return x * 3;
}
[[gnu::noinline, gnu::aligned(16)]] int np_place_2(int x)
{
	return x ^ 5;
}
// More than share a link.
#define NP_MORE(number)                                                                                                \
	[[gnu::noinline, gnu::aligned(16)]] int np_more_##number(int x)                                                \
	{                                                                                                              \
		return x * 7 + number;                                                                                 \
	}
NP_MORE(100)
NP_MORE(101)
NP_MORE(102)
NP_MORE(103)
NP_MORE(104)
NP_MORE(105)
NP_MORE(106)
NP_MORE(107)
NP_MORE(108)
NP_MORE(109)
}

namespace neuroperf::collector {
namespace {

using Places = std::set<std::size_t>;

struct CloseProgram {
	void operator()(usdt_events_bpf *program) const { usdt_events_bpf__destroy(program); }
};

uint64_t file_offset_of(uint64_t address)
{
	std::ifstream maps("/proc/self/maps");
	for (std::string line; std::getline(maps, line);) {
		uint64_t begin = 0, end = 0, offset = 0;
		char dash = 0;
		std::string permissions;
		std::istringstream words(line);
		words >> std::hex >> begin >> dash >> end >> permissions >> offset;
		if (address >= begin && address < end)
			return address - begin + offset;
	}
	return 0;
}

class SwitchedProbesTest : public testing::Test {
protected:
	void SetUp() override
	{
		if (!test::is_root())
			return test::require(false, "root", "this user is not root");
		keep_libbpf_messages();
		program_.reset(usdt_events_bpf__open());
		prepare_for(UprobeKind::multi, program_->progs.np_usdt_event);
		prepare_for(UprobeKind::multi, program_->progs.np_usdt_trial);
		if (usdt_events_bpf__load(program_.get()) != 0)
			return test::require(false, "bpf",
					     "this kernel has no uprobes of this kind: " + take_libbpf_message());
		for (const auto &place : places_)
			plain_.push_back(first_bytes(place));
	}

	static uint32_t first_bytes(int (*place)(int))
	{
		uint32_t bytes = 0;
		std::memcpy(&bytes, reinterpret_cast<const void *>(place), sizeof bytes);
		return bytes;
	}
	Places probed() const
	{
		Places found;
		for (std::size_t i = 0; i < std::size(places_); i++)
			if (first_bytes(places_[i]) != plain_[i])
				found.insert(i);
		return found;
	}
	// In the end; the kernel takes its time.
	Places settled(const Places &expected)
	{
		for (int i = 0; i < 500 && probed() != expected; i++) {
			probes_.work();
			std::this_thread::sleep_for(std::chrono::milliseconds(10));
		}
		return probed();
	}
	std::size_t add_more(ProbeCookies cookies)
	{
		places_ = {np_more_100, np_more_101, np_more_102, np_more_103, np_more_104,
			   np_more_105, np_more_106, np_more_107, np_more_108, np_more_109};
		std::sort(places_.begin(), places_.end(), std::less<int (*)(int)>());
		plain_.clear();
		for (const auto &place : places_)
			plain_.push_back(first_bytes(place));
		return add(std::move(cookies));
	}
	static ProbeCookies met_if(std::function<bool(uint64_t cookie)> is_met)
	{
		ProbeCookies cookies;
		cookies.is_met = std::move(is_met);
		return cookies;
	}
	std::size_t add(ProbeCookies cookies, std::size_t first = 0, bool droppable = false)
	{
		const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
		std::vector<UprobeSpot> spots;
		for (std::size_t i = first; i < std::size(places_); i++)
			spots.push_back({file_offset_of(reinterpret_cast<uint64_t>(places_[i])), i});
		return probes_.add(UprobeKind::multi, program_->progs.np_usdt_trial, file.get(), spots, true,
				   std::move(cookies), droppable);
	}

	std::vector<int (*)(int)> places_ = {np_place_0, np_place_1, np_place_2};
	std::vector<uint32_t> plain_;
	std::unique_ptr<usdt_events_bpf, CloseProgram> program_;
	SwitchedProbes probes_; // let go of first
};

TEST_F(SwitchedProbesTest, AllAreSwitchedWhereNobodyTellsWhichAreHit)
{
	ASSERT_EQ(add(ProbeCookies{}), 3u);
	EXPECT_EQ(probed(), (Places{0, 1, 2}));
	probes_.switch_to(false);
	EXPECT_EQ(settled({}), Places{});
	EXPECT_EQ(probes_.switch_to(true), 0u);
	EXPECT_EQ(probed(), (Places{0, 1, 2}));
	probes_.detach();
	EXPECT_EQ(probed(), Places{});
}

TEST_F(SwitchedProbesTest, WhatIsNeverHitStays)
{
	std::set<uint64_t> met = {1};
	ASSERT_EQ(add(met_if([&](uint64_t cookie) { return met.contains(cookie); })), 3u);
	probes_.switch_to(false);
	EXPECT_EQ(settled({0, 2}), (Places{0, 2}));
	EXPECT_EQ(probes_.switch_to(true), 0u);
	EXPECT_EQ(probed(), (Places{0, 1, 2}));
	met.insert(2);
	probes_.switch_to(false);
	EXPECT_EQ(settled({0}), Places{0});
	EXPECT_EQ(probes_.switch_to(true), 0u);
	EXPECT_EQ(probed(), (Places{0, 1, 2}));
	met.insert(0);
	probes_.switch_to(false);
	EXPECT_EQ(settled({}), Places{});
	probes_.detach();
	EXPECT_EQ(probed(), Places{});
}

TEST_F(SwitchedProbesTest, WhatIsHitWhileTheyAreOffGoesToo)
{
	std::set<uint64_t> met = {1};
	ASSERT_EQ(add(met_if([&](uint64_t cookie) { return met.contains(cookie); })), 3u);
	probes_.switch_to(false);
	EXPECT_EQ(settled({0, 2}), (Places{0, 2}));
	met.insert(2);
	EXPECT_EQ(settled({0}), Places{0});
	EXPECT_EQ(probes_.switch_to(true), 0u);
	EXPECT_EQ(probed(), (Places{0, 1, 2}));
}

TEST_F(SwitchedProbesTest, WhatIsRemovedStaysAway)
{
	const Places all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, others = {0, 1, 3, 4, 5, 6, 7, 9};
	std::set<uint64_t> met = {2, 3};
	ASSERT_EQ(add_more(met_if([&](uint64_t cookie) { return met.contains(cookie); })), 10u);
	probes_.switch_to(false);
	ASSERT_EQ(settled({0, 1, 4, 5, 6, 7, 8, 9}), (Places{0, 1, 4, 5, 6, 7, 8, 9}));
	EXPECT_EQ(probes_.switch_to(true), 0u);
	ASSERT_EQ(probed(), all);
	probes_.take_switched();
	probes_.remove([](uint64_t cookie) { return cookie == 2 || cookie == 8; }); // of either kind
	EXPECT_EQ(settled(others), others);
	EXPECT_EQ(probes_.take_switched(), 2u);
	probes_.switch_to(false);
	EXPECT_EQ(settled({0, 1, 4, 5, 6, 7, 9}), (Places{0, 1, 4, 5, 6, 7, 9}));
	probes_.remove([](uint64_t cookie) { return cookie == 3; });
	EXPECT_EQ(probes_.switch_to(true), 0u);
	EXPECT_EQ(probed(), (Places{0, 1, 4, 5, 6, 7, 9}));
	probes_.detach();
	EXPECT_EQ(probed(), Places{});
}

TEST_F(SwitchedProbesTest, WhatIsNotHitHasAProbeAllTheTime)
{
	const Places all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, others = {0, 1, 2, 3, 4, 5, 6, 7, 9};
	ASSERT_EQ(add_more(met_if([](uint64_t cookie) { return cookie == 8; })), 10u);
	EXPECT_EQ(probed(), all);
	probes_.switch_to(false);
	for (int i = 0; i < 500 && probed() != others; i++) {
		const Places now = probed();
		for (const std::size_t place : others)
			ASSERT_TRUE(now.contains(place)) << place;
		probes_.work();
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	EXPECT_EQ(probed(), others);
	EXPECT_EQ(probes_.take_switched(), 1u) << "the program was changed at the one that was hit";
	EXPECT_EQ(probes_.switch_to(true), 0u);
	EXPECT_EQ(probed(), all);
	EXPECT_EQ(probes_.take_switched(), 1u);
	EXPECT_EQ(probes_.take_switched(), 0u);
	probes_.switch_to(false);
	EXPECT_EQ(settled(others), others);
	probes_.detach();
	EXPECT_EQ(probed(), Places{});
}

// Of two probes at a place one counts: the second one, as soon as it is there.
TEST_F(SwitchedProbesTest, ASecondProbeCountsInsteadOfTheFirst)
{
	constexpr uint64_t kOther = 1000;
	std::set<uint64_t> met = {8}, counting;
	ProbeCookies cookies = met_if([&](uint64_t cookie) { return met.contains(cookie % kOther); });
	cookies.other = [](uint64_t cookie) { return cookie < kOther ? cookie + kOther : cookie - kOther; };
	cookies.count = [&](uint64_t cookie) {
		EXPECT_TRUE(probed().contains(cookie % kOther));
		EXPECT_TRUE(counting.insert(cookie).second);
	};
	ASSERT_EQ(add_more(cookies), 10u);
	EXPECT_EQ(counting, (std::set<uint64_t>{}));
	probes_.switch_to(false);
	EXPECT_EQ(counting, (std::set<uint64_t>{9 + kOther})) << "8 and 9 share a link";
	const Places others = {0, 1, 2, 3, 4, 5, 6, 7, 9};
	EXPECT_EQ(settled(others), others);
	met.insert(0);
	probes_.work();
	EXPECT_EQ(counting, (std::set<uint64_t>{1 + kOther, 2 + kOther, 3 + kOther, 9 + kOther}));
	const Places rest = {1, 2, 3, 4, 5, 6, 7, 9};
	EXPECT_EQ(settled(rest), rest);
}

TEST_F(SwitchedProbesTest, WhatIsDroppedDoesNotComeBack)
{
	const std::vector<int (*)(int)> all = places_;
	places_.pop_back();
	ASSERT_EQ(add(ProbeCookies{}), 2u);
	places_ = all;
	ASSERT_EQ(add(ProbeCookies{}, 2, true), 1u);
	EXPECT_EQ(probed(), (Places{0, 1, 2}));
	probes_.drop();
	EXPECT_EQ(settled({0, 1}), (Places{0, 1}));
	EXPECT_EQ(probes_.take_switched(), 1u);
	probes_.switch_to(false);
	EXPECT_EQ(settled({}), Places{});
	EXPECT_EQ(probes_.switch_to(true), 0u);
	EXPECT_EQ(probed(), (Places{0, 1}));
	probes_.drop();
	EXPECT_EQ(probed(), (Places{0, 1}));
}

TEST_F(SwitchedProbesTest, DetachTakesAllWhateverIsOn)
{
	ASSERT_EQ(add(met_if([](uint64_t cookie) { return cookie == 1; })), 3u);
	probes_.switch_to(false);
	EXPECT_EQ(settled({0, 2}), (Places{0, 2}));
	probes_.detach();
	EXPECT_EQ(probed(), Places{});
}

} // namespace
} // namespace neuroperf::collector
