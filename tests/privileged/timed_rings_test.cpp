// SPDX-License-Identifier: Apache-2.0
// Hits of this program's own functions, from the rings of all CPUs in the order of their times.
#include "collector/timed_rings.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <runtime_events.skel.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "bpf/runtime_event.h"
#include "collector/clock.hpp"
#include "collector/file_mappings.hpp"
#include "collector/libbpf_messages.hpp"
#include "collector/uprobe.hpp"
#include "tests/privileged/require.hpp"

extern "C" {
volatile int np_timed_sum;
[[gnu::noinline, gnu::aligned(16)]] void np_timed_hit(uint64_t number)
{
	np_timed_sum = np_timed_sum + static_cast<int>(number);
}
}

namespace neuroperf::collector {
namespace {

constexpr std::size_t kRingBytes = 2 * NP_RING_CHUNK;

struct CloseProgram {
	void operator()(runtime_events_bpf *program) const { runtime_events_bpf__destroy(program); }
};

void take(void *context, std::string_view record)
{
	np_runtime_event event{};
	std::memcpy(&event, record.data(), std::min(record.size(), sizeof event));
	static_cast<std::vector<np_runtime_event> *>(context)->push_back(event);
}

class TimedRingsTest : public testing::Test {
protected:
	void SetUp() override
	{
		if (!test::is_root())
			return test::require(false, "root", "this user is not root");
		cpu_set_t allowed;
		ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
		for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &allowed))
				cpus_.push_back(cpu);
		keep_libbpf_messages();
		program_.reset(runtime_events_bpf__open());
		prepare_for(UprobeKind::multi, program_->progs.np_runtime_entry);
		prepare_for(UprobeKind::multi, program_->progs.np_runtime_return);
		program_->rodata->np_record_all = 1;
		program_->rodata->np_ring_chunks = kRingBytes / NP_RING_CHUNK;
		maps_ = {program_->maps.np_positions, program_->maps.np_chunks, program_->maps.np_wakeups};
		ASSERT_EQ(TimedRings::size(maps_, cpus_, kRingBytes), 0);
		if (runtime_events_bpf__load(program_.get()) != 0)
			return test::require(false, "bpf",
					     "this kernel has no uprobes of this kind: " + take_libbpf_message());
		std::string_view doing;
		ASSERT_TRUE(rings_.map(maps_, program_->maps.np_events, cpus_, kRingBytes, &doing)) << doing;
		attach();
		program_->bss->np_enabled = 1;
	}

	// What is counted is the argument, so that hits can be told apart.
	void attach()
	{
		const uint32_t number = 0;
		np_place place{};
		place.tells = NP_TELLS_COUNT;
		place.value.from = NP_READ_ARGUMENT_1;
		ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(program_->maps.np_places), &number, &place, BPF_ANY), 0);
		const auto address = reinterpret_cast<uint64_t>(&np_timed_hit);
		const auto mappings = read_file_mappings(::getpid());
		ASSERT_TRUE(mappings.ok());
		for (const FileMapping &mapping : *mappings) {
			if (address < mapping.start || address >= mapping.end)
				continue;
			const auto file = open_mapped_file(::getpid(), mapping);
			ASSERT_TRUE(file.ok());
			probe_ = Uprobe::attach(UprobeKind::multi, program_->progs.np_runtime_entry,
						{::getpid(), file->get(), address - mapping.start + mapping.offset, 0,
						 NP_COOKIE(0, 1, 0, 0)});
		}
		ASSERT_TRUE(probe_.has_value());
	}

	// As the program's side has it: may be written to.
	template <typename T> T *mapped(const bpf_map *map, std::size_t count)
	{
		void *const at =
			::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
		EXPECT_NE(at, MAP_FAILED);
		return static_cast<T *>(at);
	}
	np_ring_positions *positions() { return mapped<np_ring_positions>(maps_.positions, 1 + cpus_.back()); }

	// Records of the ring that wakes the recorder up: its producer's position stands in its second page.
	uint64_t times_asked()
	{
		const auto page = ::sysconf(_SC_PAGESIZE);
		void *const at = ::mmap(nullptr, static_cast<std::size_t>(page), PROT_READ, MAP_SHARED,
					bpf_map__fd(maps_.wakeups), page);
		EXPECT_NE(at, MAP_FAILED);
		return *static_cast<volatile uint64_t *>(at) / 16;
	}

	static void run_on(unsigned cpu)
	{
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
	}

	std::vector<np_runtime_event> drain(uint64_t until_ns = UINT64_MAX)
	{
		std::vector<np_runtime_event> events;
		rings_.drain(until_ns, take, &events);
		return events;
	}
	static std::vector<uint64_t> numbers(const std::vector<np_runtime_event> &events)
	{
		std::vector<uint64_t> found;
		for (const np_runtime_event &event : events)
			found.push_back(event.value);
		return found;
	}
	static std::vector<uint64_t> counted(uint64_t from, uint64_t to)
	{
		std::vector<uint64_t> numbers;
		for (; from < to; from++)
			numbers.push_back(from);
		return numbers;
	}

	std::vector<unsigned> cpus_;
	std::unique_ptr<runtime_events_bpf, CloseProgram> program_;
	MappedRingMaps maps_;
	TimedRings rings_;
	std::optional<Uprobe> probe_;
};

TEST_F(TimedRingsTest, AThreadThatMovesIsInOrder)
{
	std::thread([&] {
		for (uint64_t i = 0; i < 400; i++) {
			run_on(cpus_[i / 3 % cpus_.size()]);
			np_timed_hit(i);
		}
	}).join();
	EXPECT_EQ(numbers(drain()), counted(0, 400));
	EXPECT_EQ(rings_.in_use(), cpus_.size());
	EXPECT_TRUE(drain().empty());
	EXPECT_EQ(program_->bss->np_dropped, 0u);
}

TEST_F(TimedRingsTest, RingsAreGoneThroughAgainAndAgain)
{
	uint64_t next = 0;
	for (int i = 0; i < 20; i++, next += 1000) {
		for (const uint64_t number : counted(next, next + 1000))
			np_timed_hit(number);
		ASSERT_EQ(numbers(drain()), counted(next, next + 1000));
	}
	EXPECT_EQ(rings_.corrupt(), 0u);
}

TEST_F(TimedRingsTest, LaterOnesStay)
{
	np_timed_hit(1);
	const uint64_t between_ns = monotonic_now_ns();
	np_timed_hit(2);
	np_timed_hit(3);
	EXPECT_EQ(numbers(drain(between_ns)), counted(1, 2));
	EXPECT_EQ(numbers(drain(between_ns)), counted(0, 0));
	EXPECT_EQ(numbers(drain()), counted(2, 4));
}

TEST_F(TimedRingsTest, WhoeverFindsARingTakenWritesBesideIt)
{
	np_ring_positions *const rings = positions();
	np_timed_hit(0);
	for (const unsigned cpu : cpus_)
		rings[cpu].taken = 1; // as a program does that has been preempted
	np_timed_hit(1);
	np_timed_hit(2);
	for (const unsigned cpu : cpus_)
		rings[cpu].taken = 0;
	np_timed_hit(3);
	const uint64_t between_ns = monotonic_now_ns();
	for (const unsigned cpu : cpus_)
		rings[cpu].taken = 1;
	np_timed_hit(4);
	uint64_t written = 0;
	for (const unsigned cpu : cpus_)
		written += rings[cpu].written;
	EXPECT_EQ(written, 2 * (sizeof(np_ring_record) + sizeof(np_runtime_event)));
	EXPECT_EQ(numbers(drain(between_ns)), counted(0, 4));
	EXPECT_EQ(numbers(drain()), counted(4, 5));
	EXPECT_EQ(program_->bss->np_dropped, 0u);
}

TEST_F(TimedRingsTest, ItIsAskedOnceUntilItLooks)
{
	run_on(cpus_.front());
	constexpr uint64_t kRecord = sizeof(np_ring_record) + sizeof(np_runtime_event);
	rings_.ask_at(2 * kRecord);
	np_timed_hit(0);
	EXPECT_EQ(times_asked(), 1u) << "of a function's first call the recorder is to know at once";
	drain();
	np_timed_hit(1);
	np_timed_hit(1);
	EXPECT_EQ(times_asked(), 1u);
	for (int i = 0; i < 10; i++)
		np_timed_hit(2);
	EXPECT_EQ(times_asked(), 2u);
	EXPECT_EQ(drain().size(), 12u);
	for (int i = 0; i < 10; i++)
		np_timed_hit(3);
	EXPECT_EQ(times_asked(), 3u);
	drain();
	np_timed_hit(4);
	EXPECT_EQ(times_asked(), 3u);
}

TEST_F(TimedRingsTest, AFullRingDropsAndCounts)
{
	run_on(cpus_.front());
	const uint64_t most = kRingBytes / (sizeof(np_ring_record) + sizeof(np_runtime_event));
	for (uint64_t i = 0; i < most + 100; i++)
		np_timed_hit(i);
	const auto kept = numbers(drain());
	EXPECT_GT(kept.size(), most - 10);
	EXPECT_EQ(kept, counted(0, kept.size())) << "the first ones";
	EXPECT_EQ(program_->bss->np_dropped, most + 100 - kept.size());
	np_timed_hit(7);
	EXPECT_EQ(numbers(drain()), counted(7, 8));
}

TEST_F(TimedRingsTest, WhatMakesNoSenseEmptiesTheRing)
{
	const unsigned cpu = cpus_.front();
	run_on(cpu);
	char *const ring = mapped<char>(maps_.chunks, (1 + cpus_.back()) * kRingBytes) + cpu * kRingBytes;
	for (uint64_t i = 0; i < 3; i++)
		np_timed_hit(i);
	const np_ring_record senseless{0x7fffffff, 0};
	std::memcpy(ring + sizeof(np_ring_record) + sizeof(np_runtime_event), &senseless, sizeof senseless);
	EXPECT_EQ(numbers(drain()), counted(0, 1));
	EXPECT_EQ(rings_.corrupt(), 1u);
	const np_ring_record too_small{4, 0};
	np_timed_hit(3);
	np_timed_hit(4);
	std::memcpy(ring + 3 * (sizeof(np_ring_record) + sizeof(np_runtime_event)), &too_small, sizeof too_small);
	drain();
	EXPECT_GE(rings_.corrupt(), 2u) << "records begin with a time";
	np_timed_hit(5);
	EXPECT_EQ(numbers(drain()), counted(5, 6));
}

} // namespace
} // namespace neuroperf::collector
