// SPDX-License-Identifier: Apache-2.0
// Who has a lock, and what hostile folders are refused.
#include "collector/host_lock.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/privileged/require.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

struct HostLockTest : testing::Test {
	HostLock opened()
	{
		auto lock = HostLock::open({locks}, "events");
		if (!lock.ok())
			throw std::runtime_error(lock.error().what);
		return std::move(*lock);
	}
	std::string problem()
	{
		const auto lock = HostLock::open({locks}, "events");
		return lock.ok() ? "" : lock.error().what;
	}

	test::TemporaryFolder folder;
	std::string locks = folder.file("locks");
};

TEST_F(HostLockTest, OneHasItUntilItGivesItBack)
{
	HostLock first = opened(), second = opened(), third = opened();
	EXPECT_EQ(first.identity(), second.identity());
	EXPECT_TRUE(first.try_take("first"));
	EXPECT_FALSE(second.try_take("second"));
	EXPECT_FALSE(second.is_held());
	EXPECT_EQ(second.holders_text(), "first");
	first.give_back();
	EXPECT_FALSE(std::filesystem::exists(locks + "/events")) << "who ends takes its file away";
	EXPECT_TRUE(second.try_take("2")) << "of which the others know the old one still";
	EXPECT_FALSE(third.try_take("third"));
	HostLock late = opened();
	EXPECT_FALSE(late.try_take("late"));
	EXPECT_EQ(late.holders_text(), "2");
	second.give_back();
	EXPECT_TRUE(third.try_take("third"));
	EXPECT_FALSE(late.try_take("late"));
}

TEST_F(HostLockTest, TheKernelGivesBackWhatAKilledOneHad)
{
	int ready[2];
	ASSERT_EQ(::pipe(ready), 0);
	const pid_t child = ::fork();
	if (child == 0) {
		HostLock lock = opened();
		const char taken = lock.try_take("child") ? 'y' : 'n';
		if (::write(ready[1], &taken, 1) == 1)
			::pause();
		::_exit(1);
	}
	char taken = 0;
	ASSERT_EQ(::read(ready[0], &taken, 1), 1);
	EXPECT_EQ(taken, 'y');
	HostLock lock = opened();
	EXPECT_FALSE(lock.try_take("parent"));
	EXPECT_EQ(lock.holders_text(), "child");
	::kill(child, SIGKILL);
	::waitpid(child, nullptr, 0);
	EXPECT_TRUE(lock.try_take("parent"));
	EXPECT_EQ(opened().holders_text(), "parent");
}

TEST_F(HostLockTest, AFolderThatWasCleanedUp)
{
	HostLock first = opened(), second = opened();
	EXPECT_TRUE(first.try_take("first"));
	std::filesystem::remove_all(locks);
	EXPECT_FALSE(second.try_take("second"));
	first.give_back();
	EXPECT_TRUE(second.try_take("second")) << "twice rather than by nobody";
}

TEST_F(HostLockTest, FoldersOfOthersAreRefused)
{
	ASSERT_EQ(::mkdir(locks.c_str(), 0755), 0);
	EXPECT_THAT(problem(), EndsWith("cannot be used: others may look into it"));
	::chmod(locks.c_str(), 0770);
	EXPECT_THAT(problem(), HasSubstr("others may look into it"));
	::chmod(locks.c_str(), 0700);
	EXPECT_EQ(problem(), "");
	if (!test::is_root())
		return test::require(false, "root", "root alone can give it to another user");
	ASSERT_EQ(::chown(locks.c_str(), 65534, 65534), 0);
	EXPECT_THAT(problem(), EndsWith("it is another user's"));
}

TEST_F(HostLockTest, WhatIsNoFolderIsRefused)
{
	const std::string elsewhere = folder.file("elsewhere");
	ASSERT_EQ(::mkdir(elsewhere.c_str(), 0700), 0);
	ASSERT_EQ(::symlink(elsewhere.c_str(), locks.c_str()), 0);
	EXPECT_THAT(problem(), EndsWith("it is no folder")) << "even one that leads to a folder of ours";
	EXPECT_TRUE(std::filesystem::is_empty(elsewhere));
	std::filesystem::remove(locks);
	ASSERT_EQ(::symlink(folder.file("nothing").c_str(), locks.c_str()), 0);
	EXPECT_THAT(problem(), EndsWith("it is no folder"));
	std::filesystem::remove(locks);
	test::write_file(locks, "");
	EXPECT_THAT(problem(), EndsWith("it is no folder"));
}

TEST_F(HostLockTest, WhatIsNoFileIsRefused)
{
	const std::string elsewhere = folder.file("elsewhere"), file = locks + "/events";
	ASSERT_EQ(::mkdir(locks.c_str(), 0700), 0);
	test::write_file(elsewhere, "mine");
	ASSERT_EQ(::symlink(elsewhere.c_str(), file.c_str()), 0);
	EXPECT_THAT(problem(), HasSubstr("cannot open events"));
	EXPECT_EQ(test::read_file(elsewhere), "mine");
	std::filesystem::remove(file);
	ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
	EXPECT_THAT(problem(), EndsWith("events is no file of this user's"));
}

TEST_F(HostLockTest, TheFirstFolderThatCanBeHad)
{
	const auto lock = HostLock::open({folder.file("no/such"), locks}, "events");
	ASSERT_TRUE(lock.ok());
	EXPECT_TRUE(std::filesystem::exists(locks + "/events"));
	struct stat status = {};
	ASSERT_EQ(::stat(locks.c_str(), &status), 0);
	EXPECT_EQ(status.st_mode & 0777, 0700u);
	EXPECT_FALSE(HostLock::open({}, "events").ok());
}

} // namespace
} // namespace neuroperf::collector
