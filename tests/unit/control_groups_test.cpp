// SPDX-License-Identifier: Apache-2.0
// Trees of control groups made by hand, and this machine's own where it has them.
#include "collector/control_groups.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "recording/perf_layout.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string id_of(char digit)
{
	return "abcdef" + std::string(58, digit);
}

class ControlGroupsTest : public testing::Test {
protected:
	ControlGroupsTest()
	{
		std::filesystem::create_directories(root.file("proc/self"));
		test::write_file(root.file("proc/filesystems"), "nodev\tcgroup\nnodev\tcgroup2\n");
	}
	void version_2(const std::string &mounted_group = "/")
	{
		test::write_file(root.file("proc/cgroups"), "#subsys_name hierarchy\nperf_event\t0\t1\t1\n");
		test::write_file(root.file("proc/self/mountinfo"),
				 "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\nbroken\n"
				 "41 31 0:38 " +
					 mounted_group +
					 " /sys/fs/cgroup/my\\040groups rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
		base = "/sys/fs/cgroup/my groups/";
		folder("");
	}
	void version_1()
	{
		test::write_file(root.file("proc/cgroups"), "memory\t3\t1\t1\nperf_event\t5\t1\t1\n");
		test::write_file(root.file("proc/self/mountinfo"),
				 "40 31 0:37 / /cg/memory rw - cgroup cgroup rw,memory\n"
				 "41 31 0:38 / /cg/v2 rw - cgroup2 cgroup2 rw\n"
				 "42 31 0:39 / /cg/perf rw - cgroup cgroup rw,net_cls,perf_event\n");
		base = "/cg/v2/";
		folder("not-here");
		base = "/cg/perf/";
		folder("");
	}
	void folder(const std::string &group, const std::string &pids = "")
	{
		std::filesystem::create_directories(root.path() + base + group);
		test::write_file(root.path() + base + group + "/cgroup.procs", pids);
	}
	ControlGroups groups()
	{
		auto found = ControlGroups::find(root.path());
		if (!found.ok())
			throw std::runtime_error(found.error().what);
		return *found;
	}
	test::TemporaryFolder root;
	std::string base;
};

TEST_F(ControlGroupsTest, TheHierarchyIsTheOneThatPerfKnows)
{
	version_2();
	EXPECT_TRUE(groups().is_version_2());
	EXPECT_EQ(groups().mount_point(), root.path() + "/sys/fs/cgroup/my groups");
	std::filesystem::remove(root.file("proc/cgroups")); // version 1 not built in
	EXPECT_TRUE(groups().is_version_2());
	version_1();
	EXPECT_FALSE(groups().is_version_2());
	EXPECT_EQ(groups().mount_point(), root.path() + "/cg/perf");
	EXPECT_FALSE(groups().by_name("not-here").ok());
}

TEST_F(ControlGroupsTest, WhatIsMissingIsSaidWithTheCommandThatHelps)
{
	version_2();
	test::write_file(root.file("proc/self/mountinfo"), "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n");
	EXPECT_EQ(ControlGroups::find(root.path()).error().hint,
		  "as root: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified");
	test::write_file(root.file("proc/self/mountinfo"), "");
	EXPECT_EQ(ControlGroups::find(root.path()).error().hint, "as root: mount -t cgroup2 none /sys/fs/cgroup");
	test::write_file(root.file("proc/filesystems"), "nodev\tcgroup\n");
	EXPECT_EQ(ControlGroups::find(root.path()).error().hint,
		  "as root: mount -t tmpfs none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/perf_event && "
		  "mount -t cgroup -o perf_event perf_event /sys/fs/cgroup/perf_event");
	version_1();
	test::write_file(root.file("proc/self/mountinfo"), "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n");
	EXPECT_THAT(ControlGroups::find(root.path()).error().hint, HasSubstr("mount -t cgroup -o perf_event"));
	test::write_file(root.file("proc/cgroups"), "memory\t3\t1\t1\n");
	EXPECT_THAT(ControlGroups::find(root.path()).error().hint, HasSubstr("CONFIG_CGROUP_PERF"));
}

TEST_F(ControlGroupsTest, ByName)
{
	version_2("/outer");
	folder("user.slice/app.scope");
	folder("user.slice/other.scope");
	const ControlGroups all = groups();
	for (const std::string &name :
	     {std::string("user.slice/app.scope"), std::string("/user.slice//app.scope/"),
	      std::string("/outer/user.slice/app.scope"), all.mount_point() + "/user.slice/app.scope"}) {
		const auto group = all.by_name(name);
		ASSERT_TRUE(group.ok()) << name;
		EXPECT_EQ(group->name, "user.slice/app.scope");
		EXPECT_TRUE(group->folder.valid());
	}
	ASSERT_TRUE(all.by_name("/").ok());
	EXPECT_EQ(all.by_name("/")->name, "");
	const auto missing = all.by_name("user.slice/apps/x");
	ASSERT_FALSE(missing.ok());
	EXPECT_THAT(missing.error().what, HasSubstr("no control group 'user.slice/apps/x'"));
	EXPECT_EQ(missing.error().hint, "'user.slice' has app.scope, other.scope");
	EXPECT_EQ(all.by_name("../../etc").error().code, ErrorCode::usage);
	EXPECT_FALSE(all.by_name("user.slice/app.scope/cgroup.procs").ok()) << "a file is no group";
}

TEST(ContainerFolder, NamesOfTheEngines)
{
	const std::string id = id_of('1');
	for (const char *pattern : {"{}", "docker-{}.scope", "libpod-{}.scope", "cri-containerd-{}.scope",
				    "crio-{}.scope", "libpod-payload-{}", "crio-{}"})
		EXPECT_EQ(container_of_folder(fmt::format(fmt::runtime(pattern), id)), id) << pattern;
	EXPECT_EQ(container_of_folder("lxc.payload.my-box"), "my-box");
	EXPECT_EQ(container_of_folder("machine-box.scope"), "box");
	for (const std::string &other :
	     {"libpod-conmon-" + id + ".scope", "crio-conmon-" + id + ".scope", "docker-" + id.substr(1) + ".scope",
	      std::string("lxc.monitor.my-box"), std::string("user.slice"), std::string(".scope"), std::string("")})
		EXPECT_EQ(container_of_folder(other), "") << other;
}

TEST_F(ControlGroupsTest, ByContainer)
{
	version_1();
	const std::string one = id_of('1'), two = id_of('2');
	folder("system.slice/docker-" + one + ".scope", "30\n10\n0\n");
	folder("system.slice/docker-" + one + ".scope/init/" + one, "20\n10\n");
	folder("kubepods.slice/pod77/cri-containerd-" + two + ".scope");
	folder("kubepods.slice/pod77/crio-conmon-" + id_of('3') + ".scope");
	folder("lxc.payload.box");
	folder("default/by-hand");
	const ControlGroups all = groups();
	for (const std::string &id : {one, std::string("abcdef1"), std::string("ABCDEF11")}) {
		const auto group = all.by_container(id);
		ASSERT_TRUE(group.ok()) << group.error().what;
		EXPECT_EQ(group->name, "system.slice/docker-" + one + ".scope") << "the uppermost";
	}
	EXPECT_THAT(processes_in(*all.by_container(one)), ElementsAre(10, 20, 30));
	EXPECT_EQ(all.by_container(two)->container, two);
	EXPECT_EQ(all.by_container("box")->name, "lxc.payload.box");
	EXPECT_EQ(all.by_container("by-hand")->name, "default/by-hand");

	const auto ambiguous = all.by_container("abcdef");
	ASSERT_FALSE(ambiguous.ok());
	EXPECT_EQ(ambiguous.error().code, ErrorCode::usage);
	EXPECT_THAT(ambiguous.error().hint, HasSubstr("abcdef1111111111 (system.slice/docker-"));
	EXPECT_THAT(ambiguous.error().hint, HasSubstr("abcdef2222222222 ("));
	EXPECT_THAT(all.by_container("abcde").error().hint, HasSubstr("at least 6 digits"));
	EXPECT_THAT(all.by_container("abcdef3").error().hint, HasSubstr("there are box, abcdef111111, abcdef222222"));
	EXPECT_THAT(all.by_container("my_app").error().hint, HasSubstr("docker ps"));
	EXPECT_FALSE(all.by_container("").ok());
}

TEST_F(ControlGroupsTest, WithoutContainers)
{
	version_2();
	EXPECT_THAT(groups().by_container("abcdef123456").error().hint, HasSubstr("no containers are seen here"));
}

int open_event(int group)
{
	perf_event_attr attr = {};
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.size = recording::kAttrSize;
	return static_cast<int>(
		::syscall(SYS_perf_event_open, &attr, group, 0, -1, PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC));
}

// The groups of this machine, in a mount namespace of our own. Returns what is wrong, "" for nothing, or "skip: why".
std::string try_real_group()
{
	if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
		return "skip: needs root: a mount namespace of one's own";
	const test::TemporaryFolder folder;
	auto groups = ControlGroups::find();
	if (!groups.ok()) {
		if (groups.error().code == ErrorCode::unsupported &&
		    ::mount("none", folder.path().c_str(), "cgroup2", 0, nullptr) != 0)
			return "skip: needs control groups: " + groups.error().what;
		groups = ControlGroups::find();
	}
	if (!groups.ok())
		return groups.error().what;
	const std::string name = fmt::format("neuroperf-test-{}", ::getpid());
	const std::string path = groups->mount_point() + "/" + name;
	std::error_code error;
	if (!std::filesystem::create_directories(path + "/below", error))
		return "skip: needs control groups that can be made: " + path + ": " + error.message();
	const pid_t child = ::fork();
	if (child == 0) {
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			::pause();
	}
	std::string problem;
	const auto group = groups->by_name(name);
	if (!group.ok()) {
		problem = group.error().what;
	} else {
		test::write_file(path + "/below/cgroup.procs", std::to_string(child));
		if (processes_in(*group) != std::vector<pid_t>{child})
			problem = "the child is not found in its group";
		const UniqueFd event(open_event(group->folder.get()));
		if (!event.valid())
			problem = fmt::format("perf_event_open refuses the group: {}", std::strerror(errno));
	}
	::kill(child, SIGKILL);
	::waitpid(child, nullptr, 0);
	for (const char *part : {"/below", ""})
		std::filesystem::remove(path + part, error);
	::umount2(folder.path().c_str(), MNT_DETACH);
	return problem;
}

TEST(ControlGroupsHere, PerfTakesTheFolder)
{
	int result[2];
	ASSERT_EQ(::pipe(result), 0);
	const pid_t pid = ::fork();
	if (pid == 0) {
		const std::string text = try_real_group();
		::_exit(::write(result[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
	}
	::close(result[1]);
	char text[1000];
	const ssize_t size = ::read(result[0], text, sizeof text);
	::close(result[0]);
	int status = 0;
	ASSERT_EQ(::waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	const std::string said(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
	if (said.starts_with("skip: "))
		GTEST_SKIP() << said.substr(6);
	EXPECT_EQ(said, "");
}

} // namespace
} // namespace neuroperf::collector
