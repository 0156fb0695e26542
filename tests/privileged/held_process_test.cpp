// SPDX-License-Identifier: Apache-2.0
#include "collector/held_process.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kThreads = 4;
using Counts = std::array<std::atomic<uint64_t>, kThreads + 1>;

// A child whose threads count as fast as they can, while each of others starts the next one.
class HeldProcessTest : public testing::Test {
protected:
	void SetUp() override
	{
		void *memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(memory, MAP_FAILED);
		counts_ = new (memory) Counts{};
		child_ = ::fork();
		if (child_ == 0)
			count();
		for (const auto &count : *counts_)
			while (count == 0)
				::usleep(100);
	}
	void TearDown() override
	{
		::kill(child_, SIGKILL);
		::waitpid(child_, nullptr, 0);
		::munmap(counts_, 4096);
	}
	[[noreturn]] void count()
	{
		std::array<std::thread, kThreads> threads;
		for (std::size_t i = 0; i < kThreads; i++)
			threads[i] = std::thread([this, i] {
				for (;;)
					(*counts_)[i]++;
			});
		start_next();
		for (;;)
			::pause();
	}
	// The newest one starts another, and counts for a while.
	void start_next()
	{
		std::thread([this] {
			const uint64_t end_ns = monotonic_now_ns() + 3'000'000;
			::usleep(200);
			start_next();
			while (monotonic_now_ns() < end_ns)
				(*counts_)[kThreads]++;
		}).detach();
	}
	uint64_t counted() const
	{
		uint64_t sum = 0;
		for (const auto &count : *counts_)
			sum += count;
		return sum;
	}
	bool runs() const
	{
		const uint64_t before = counted();
		::usleep(50'000);
		return counted() != before;
	}

	Counts *counts_ = nullptr;
	pid_t child_ = -1;
	std::vector<std::unique_ptr<HeldThread>> stopping_;
};

TEST_F(HeldProcessTest, StandsStillWithAllItsThreads)
{
	for (int i = 0; i < 15; i++) {
		{
			const HeldProcess process(child_, &stopping_);
			ASSERT_TRUE(process.held());
			EXPECT_FALSE(runs());
		}
		EXPECT_TRUE(runs());
	}
	for (const auto &thread : stopping_)
		EXPECT_TRUE(thread->release());
}

TEST_F(HeldProcessTest, IsNotHeldWhereAThreadOfItIsTraced)
{
	int ready[2];
	ASSERT_EQ(::pipe(ready), 0);
	const pid_t tracer = ::fork();
	if (tracer == 0) {
		const char traced = ::ptrace(PTRACE_SEIZE, child_, nullptr, nullptr) == 0 ? 1 : 0;
		::_exit(::write(ready[1], &traced, 1) == 1 ? ::pause() : 1);
	}
	char traced = 0;
	ASSERT_EQ(::read(ready[0], &traced, 1), 1);
	ASSERT_EQ(traced, 1);
	{
		const HeldProcess process(child_, &stopping_);
		EXPECT_FALSE(process.held());
	}
	while (!std::all_of(stopping_.begin(), stopping_.end(), [](const auto &thread) { return thread->release(); }))
		::usleep(1000);
	EXPECT_TRUE(runs());
	::kill(tracer, SIGKILL);
	::waitpid(tracer, nullptr, 0);
	::close(ready[0]);
	::close(ready[1]);
}

TEST_F(HeldProcessTest, IsNotHeldWhereItHasEnded)
{
	const pid_t gone = ::fork();
	if (gone == 0)
		::_exit(0);
	::waitpid(gone, nullptr, 0);
	const HeldProcess process(gone, &stopping_);
	EXPECT_FALSE(process.held());
}

} // namespace
} // namespace neuroperf::collector
