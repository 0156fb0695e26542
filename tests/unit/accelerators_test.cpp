// SPDX-License-Identifier: Apache-2.0
#include "collector/accelerators.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "collector/event_list.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

namespace fs = std::filesystem;

struct Accelerators : testing::Test {
	void folder(const std::string &path) { fs::create_directories(root + path); }
	void link(const std::string &path, const std::string &target)
	{
		folder(fs::path(path).parent_path().string());
		fs::create_symlink(target, root + path);
	}
	void node(const std::string &path)
	{
		folder(fs::path(path).parent_path().string());
		std::ofstream(root + path) << "";
	}
	// As the kernel links a device of a class with its driver.
	void device(const std::string &node_folder, const std::string &bus_address, const std::string &driver,
		    const std::string &module)
	{
		folder("/sys/devices/" + bus_address);
		folder("/sys/bus/pci/drivers/" + driver);
		link(node_folder + "/device", root + "/sys/devices/" + bus_address);
		link("/sys/devices/" + bus_address + "/driver", root + "/sys/bus/pci/drivers/" + driver);
		if (!module.empty())
			link("/sys/bus/pci/drivers/" + driver + "/module", root + "/sys/module/" + module);
	}
	std::vector<Accelerator> find() const { return find_accelerators(drivers, root); }

	test::TemporaryFolder temporary;
	std::string root = temporary.file("root");
	std::vector<recording::DriverDescription> drivers = recording::built_in_drivers();
};

TEST_F(Accelerators, NodesDriversAndDescriptions)
{
	device("/sys/class/accel/accel0", "0000:00:0b.0", "intel_vpu", "intel_vpu");
	device("/sys/class/drm/renderD128", "0000:00:02.0", "i915", "i915");
	folder("/sys/class/drm/card0");
	node("/dev/vnpu0");
	node("/dev/accel/accel7"); // of no class
	const auto found = find();
	ASSERT_EQ(found.size(), 3u);
	EXPECT_EQ(found[0].node, "/dev/accel/accel0");
	EXPECT_EQ(found[0].driver, "intel_vpu");
	EXPECT_EQ(found[0].address, "0000:00:0b.0");
	EXPECT_EQ(found[0].description, "ivpu");
	EXPECT_EQ(found[1].node, "/dev/dri/renderD128");
	EXPECT_EQ(found[1].description, "") << "a GPU that no description names";
	EXPECT_EQ(found[2].node, "/dev/vnpu0");
	EXPECT_EQ(found[2].description, "vnpu");
	EXPECT_EQ(found[2].driver, "");
}

TEST_F(Accelerators, ADriverIsKnownByItsModuleToo)
{
	device("/sys/class/accel/accel1", "soc@0/fde40000.npu", "RKNN", "rocket");
	const auto found = find();
	ASSERT_EQ(found.size(), 1u);
	EXPECT_EQ(found[0].address, "fde40000.npu");
	EXPECT_EQ(found[0].description, "rocket");
}

TEST_F(Accelerators, WhatIsMissingIsNotTold)
{
	EXPECT_TRUE(find().empty());
	folder("/sys/class/accel/accel0");
	link("/sys/class/accel/accel1/device", "nowhere");
	link("/sys/class/accel/accel2/device", std::string(3000, 'x'));
	folder("/sys/class/accel/something else");
	const auto found = find();
	ASSERT_EQ(found.size(), 3u);
	for (const Accelerator &one : found) {
		EXPECT_EQ(one.driver, "") << one.node;
		EXPECT_EQ(one.description, "") << one.node;
	}
	EXPECT_EQ(found[1].address, "nowhere");
}

TEST(EventPatterns, HaveWildcardsOrAreParts)
{
	EXPECT_TRUE(matches_pattern("sched:sched_switch", "SWITCH"));
	EXPECT_TRUE(matches_pattern("sched:sched_switch", "sched:*"));
	EXPECT_TRUE(matches_pattern("msr/tsc/", "msr/"));
	EXPECT_FALSE(matches_pattern("sched:sched_switch", "switch*"));
	EXPECT_FALSE(matches_pattern("cycles", "cycle?s"));
	EXPECT_TRUE(matches_pattern("anything", ""));
}

TEST(EventList, TracepointsOfATracefsOfOurOwn)
{
	test::TemporaryFolder temporary;
	const std::string tracefs = temporary.file("tracing");
	for (const char *event : {"npu/job_begin", "npu/job_end", "other/thing"}) {
		fs::create_directories(tracefs + "/events/" + event);
		std::ofstream(tracefs + "/events/" + event + "/id") << "1\n";
	}
	fs::create_directories(tracefs + "/events/npu/no_event");
	const auto tracepoints = [](const EventSources &sources) { return list_events(sources).back(); };
	EXPECT_EQ(tracepoints({temporary.file("none"), tracefs, false}).events,
		  (std::vector<std::string>{"npu:job_begin", "npu:job_end", "other:thing"}));
	const EventGroupList none = tracepoints({temporary.file("none"), temporary.file("nowhere"), false});
	EXPECT_TRUE(none.events.empty());
	EXPECT_NE(none.problem.find("not mounted"), std::string::npos) << none.problem;
	EXPECT_FALSE(none.remedy.empty());
}

} // namespace
} // namespace neuroperf::collector
