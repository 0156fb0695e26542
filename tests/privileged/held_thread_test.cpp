// SPDX-License-Identifier: Apache-2.0
#include "collector/held_thread.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

namespace neuroperf::collector {
namespace {

// A child that counts as fast as it can.
class HeldThreadTest : public testing::Test {
protected:
	void SetUp() override
	{
		void *memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(memory, MAP_FAILED);
		count_ = new (memory) std::atomic<uint64_t>(0);
		child_ = ::fork();
		if (child_ == 0)
			for (;;)
				(*count_)++;
		while (*count_ == 0)
			::usleep(100);
	}
	void TearDown() override
	{
		::kill(child_, SIGKILL);
		::waitpid(child_, nullptr, 0);
		::munmap(count_, 4096);
	}
	bool runs() const
	{
		const uint64_t before = *count_;
		::usleep(20'000);
		return *count_ != before;
	}

	std::atomic<uint64_t> *count_ = nullptr;
	pid_t child_ = -1;
};

TEST_F(HeldThreadTest, StandsStillUntilItIsLetGo)
{
	HeldThread thread(child_);
	ASSERT_TRUE(thread.held());
	EXPECT_FALSE(runs());
	EXPECT_TRUE(thread.release());
	EXPECT_TRUE(runs());
	EXPECT_TRUE(thread.release()) << "again does no harm";
}

TEST_F(HeldThreadTest, IsLetGoAtTheEnd)
{
	{
		const HeldThread thread(child_);
		ASSERT_TRUE(thread.held());
	}
	EXPECT_TRUE(runs());
}

TEST_F(HeldThreadTest, ItsSignalsAreItsOwn)
{
	{
		const HeldThread thread(child_);
		ASSERT_TRUE(thread.held());
		::kill(child_, SIGTERM);
	}
	int status = 0;
	ASSERT_EQ(::waitpid(child_, &status, 0), child_);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST_F(HeldThreadTest, ThatIsTracedAlreadyIsLeftAlone)
{
	ASSERT_EQ(::ptrace(PTRACE_SEIZE, child_, nullptr, nullptr), 0);
	HeldThread thread(child_);
	EXPECT_FALSE(thread.held());
	EXPECT_TRUE(thread.release());
	EXPECT_TRUE(runs());
}

TEST_F(HeldThreadTest, ThatHasEndedIsNotHeld)
{
	::kill(child_, SIGKILL);
	::waitpid(child_, nullptr, 0);
	HeldThread thread(child_);
	EXPECT_FALSE(thread.held());
	EXPECT_TRUE(thread.release());
}

} // namespace
} // namespace neuroperf::collector
