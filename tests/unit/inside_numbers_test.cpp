// SPDX-License-Identifier: Apache-2.0
// Threads that know themselves by other numbers than we know them by.
#include "collector/inside_numbers.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>

namespace neuroperf::collector {
namespace {

struct Told {
	uint32_t pid_namespace = 0;
	TaskNumbers main, thread;
};

// Tells of itself and a thread of its own, and waits to be killed.
[[noreturn]] void live_inside(int to)
{
	Told told;
	std::thread waiting([&] {
		told.thread = {static_cast<uint32_t>(::getpid()), static_cast<uint32_t>(::syscall(SYS_gettid))};
		told.main = {told.thread.pid, told.thread.pid};
		(void)!::write(to, &told, sizeof told);
		for (;;)
			::pause();
	});
	waiting.join();
	::_exit(0);
}

class Inside : public testing::Test {
protected:
	void SetUp() override
	{
		int from_parent[2], from_child[2];
		ASSERT_TRUE(::pipe(from_parent) == 0 && ::pipe(from_child) == 0);
		parent_ = ::fork();
		if (parent_ == 0) {
			::signal(SIGCHLD, SIG_IGN); // nothing stays of who has ended
			pid_t child = ::unshare(CLONE_NEWPID) == 0 ? ::fork() : -errno;
			if (child == 0)
				live_inside(from_child[1]);
			(void)!::write(from_parent[1], &child, sizeof child);
			for (;;)
				::pause();
		}
		ASSERT_EQ(::read(from_parent[0], &outside_, sizeof outside_), static_cast<ssize_t>(sizeof outside_));
		if (outside_ == -EPERM)
			GTEST_SKIP() << "needs root: no pid namespace can be made";
		ASSERT_GT(outside_, 0);
		ASSERT_EQ(::read(from_child[0], &told_, sizeof told_), static_cast<ssize_t>(sizeof told_));
		struct stat info = {};
		ASSERT_EQ(::stat(("/proc/" + std::to_string(outside_) + "/ns/pid").c_str(), &info), 0);
		told_.pid_namespace = static_cast<uint32_t>(info.st_ino);
		for (const int fd : {from_parent[0], from_parent[1], from_child[0], from_child[1]})
			::close(fd);
	}
	void TearDown() override
	{
		if (outside_ > 0)
			::kill(outside_, SIGKILL);
		::kill(parent_, SIGKILL);
		::waitpid(parent_, nullptr, 0);
	}

	pid_t parent_ = 0, outside_ = 0;
	Told told_;
	InsideNumbers numbers_;
};

TEST_F(Inside, AProcessAndItsThreadAreFound)
{
	const auto outside = static_cast<uint32_t>(outside_);
	EXPECT_EQ(told_.main.pid, 1u);
	EXPECT_EQ(numbers_.find(told_.pid_namespace, told_.main), (TaskNumbers{outside, outside}));
	const auto thread = numbers_.find(told_.pid_namespace, told_.thread);
	ASSERT_TRUE(thread);
	EXPECT_EQ(thread->pid, outside);
	EXPECT_NE(thread->tid, outside);
	const std::string folder = "/proc/" + std::to_string(outside) + "/task/" + std::to_string(thread->tid);
	EXPECT_EQ(::access(folder.c_str(), F_OK), 0);
}

TEST_F(Inside, OtherNumbersAndNamespacesAreNot)
{
	EXPECT_FALSE(numbers_.find(told_.pid_namespace, {told_.main.pid, 999}));
	EXPECT_FALSE(numbers_.find(told_.pid_namespace, {999, 999}));
	EXPECT_FALSE(numbers_.find(told_.pid_namespace + 1, told_.main));
}

TEST_F(Inside, WhatHasEndedIsNotFoundAgain)
{
	ASSERT_TRUE(numbers_.find(told_.pid_namespace, told_.main));
	::kill(outside_, SIGKILL);
	for (int i = 0; i < 1000 && numbers_.find(told_.pid_namespace, told_.main); i++)
		::usleep(10000);
	EXPECT_FALSE(numbers_.find(told_.pid_namespace, told_.main));
}

} // namespace
} // namespace neuroperf::collector
