// SPDX-License-Identifier: Apache-2.0
#include "collector/open_file_limit.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

namespace neuroperf::collector {
namespace {

// Limits stay: each test in a process of its own. "" is success.
std::string in_a_process(const std::function<std::string()> &check)
{
	int ends[2];
	if (::pipe(ends) != 0)
		return "no pipe";
	const pid_t pid = ::fork();
	if (pid == 0) {
		const std::string text = check();
		::_exit(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
	}
	::close(ends[1]);
	char text[1000];
	const ssize_t size = ::read(ends[0], text, sizeof text);
	::close(ends[0]);
	int status = 0;
	::waitpid(pid, &status, 0);
	return status == 0 && size >= 0 ? std::string(text, static_cast<std::size_t>(size)) : "the process failed";
}

bool set_limit(uint64_t soft, uint64_t hard)
{
	const rlimit limit{soft, hard};
	return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::string limits()
{
	rlimit limit{};
	::getrlimit(RLIMIT_NOFILE, &limit);
	return fmt::format("{}/{}", limit.rlim_cur, limit.rlim_max);
}

// Found by trying: root in a container mostly may not.
bool may_raise_hard_limit()
{
	return in_a_process(
		       []() -> std::string { return set_limit(64, 100) && set_limit(64, 101) ? "" : "refused"; }) == "";
}

// What the limit promises is what opens.
int opens(int wanted)
{
	int count = 0;
	while (count < wanted && ::open("/dev/null", O_RDONLY) >= 0)
		count++;
	return count;
}

TEST(OpenFileLimit, RisesAsFarAsNeededAndGoesBack)
{
	EXPECT_EQ(in_a_process([]() -> std::string {
			  if (!set_limit(64, 500))
				  return "cannot set the limit";
			  OpenFileLimit limit;
			  if (!limit.make_room_for(10).ok() || limits() != "64/500")
				  return "raised without need: " + limits();
			  const Status done = limit.make_room_for(300);
			  if (!done.ok())
				  return done.error().what;
			  if (limit.current() < 300 || limit.current() > 340)
				  return limits();
			  if (opens(300) != 300)
				  return "fewer files open than there was room for";
			  if (!limit.restore() || limits() != "64/500")
				  return "not restored: " + limits();
			  return "";
		  }),
		  "");
}

TEST(OpenFileLimit, RootRaisesTheHardLimitToo)
{
	if (!may_raise_hard_limit())
		GTEST_SKIP() << "needs CAP_SYS_RESOURCE: to raise a hard limit";
	EXPECT_EQ(in_a_process([]() -> std::string {
			  if (!set_limit(64, 100))
				  return "cannot set the limit";
			  OpenFileLimit limit;
			  const Status done = limit.make_room_for(2000);
			  if (!done.ok())
				  return done.error().what;
			  if (opens(2000) != 2000)
				  return "fewer files open than there was room for: " + limits();
			  return limit.restore() && limits() == "64/100" ? "" : "not restored: " + limits();
		  }),
		  "");
}

TEST(OpenFileLimit, BeyondWhatTheKernelAllowsItSaysSo)
{
	EXPECT_EQ(in_a_process([]() -> std::string {
			  uint64_t highest = 0;
			  std::ifstream("/proc/sys/fs/nr_open") >> highest;
			  OpenFileLimit limit;
			  rlimit hard{};
			  ::getrlimit(RLIMIT_NOFILE, &hard);
			  for (const uint64_t wanted : {highest, uint64_t{UINT64_MAX}}) {
				  const Status done = limit.make_room_for(wanted);
				  if (done.ok())
					  return "that cannot be";
				  if (done.error().hint.find("ulimit -n") == std::string::npos)
					  return done.error().what + done.error().hint;
			  }
			  if (limit.current() != (may_raise_hard_limit() ? highest : hard.rlim_max))
				  return "not as high as it can be: " + limits();
			  return "";
		  }),
		  "");
}

TEST(OpenFileLimit, WithoutPrivilegesTheHardLimitIsTheEnd)
{
	EXPECT_EQ(in_a_process([]() -> std::string {
			  if (!set_limit(64, 100))
				  return "cannot set the limit";
			  if (::geteuid() == 0 && ::setuid(65534) != 0)
				  return "cannot become nobody";
			  OpenFileLimit limit;
			  const Status done = limit.make_room_for(200);
			  if (done.ok() || done.error().code != ErrorCode::privilege)
				  return "no error";
			  return limits() == "100/100" ? "" : "not as high as it can be: " + limits();
		  }),
		  "");
}

} // namespace
} // namespace neuroperf::collector
