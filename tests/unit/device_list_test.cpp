// SPDX-License-Identifier: Apache-2.0
// Accelerators of machines that are not there: trees as Linux 6.12 has them for an NPU on PCI, one of a device tree, a
// GPU and a device without hardware; and trees in which something is missing or means harm.
#include "collector/device_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/event_sources.hpp"
#include "viewer/render/device_list.hpp"

namespace neuroperf::collector {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

namespace fs = std::filesystem;

struct DeviceListTest : testing::Test {
	std::string root() const { return machine.folder().file("root"); }

	void file(const std::string &path, std::string_view contents = "")
	{
		fs::create_directories(fs::path(root() + path).parent_path());
		test::write_file(root() + path, contents);
	}
	// Relative, as those of sysfs are; `target` from the root.
	void link(const std::string &path, const std::string &target)
	{
		fs::create_directories(fs::path(root() + path).parent_path());
		fs::create_symlink(fs::path(root() + target).lexically_relative(fs::path(root() + path).parent_path()),
				   root() + path);
	}
	void module(const std::string &name) { fs::create_directories(root() + "/sys/module/" + name); }

	// The node, its entry in the class, the device on its bus and the driver of it.
	void device(const std::string &device_class, const std::string &node, const std::string &bus,
		    const std::string &address, const std::string &driver)
	{
		const std::string device = "/sys/devices/" + address;
		const std::string entry = device + "/" + device_class + "/" + fs::path(node).filename().string();
		file("/dev/" + node);
		file(entry + "/uevent", "MAJOR=261\nMINOR=0\nDEVNAME=" + node + "\n");
		fs::create_symlink("../../../" + address, root() + entry + "/device"); // as the kernel makes it
		fs::create_directories(root() + "/sys/bus/" + bus);
		link(device + "/subsystem", "/sys/bus/" + bus);
		link(device + "/driver", "/sys/bus/" + bus + "/drivers/" + driver);
		module(driver);
		link("/sys/bus/" + bus + "/drivers/" + driver + "/module", "/sys/module/" + driver);
		link("/sys/class/" + device_class + "/" + fs::path(node).filename().string(), entry);
	}

	DeviceList listed() { return list_devices(drivers, machine.sources(), root()); }
	ListedDevice only()
	{
		const DeviceList list = listed();
		return list.devices.size() == 1 ? list.devices.front() : ListedDevice{};
	}
	std::string shown() { return viewer::render_device_list(listed()); }
	static std::vector<std::string> names(const ListedDevice &device)
	{
		std::vector<std::string> names;
		for (const UsableDescription &description : device.descriptions)
			names.push_back(description.name);
		return names;
	}

	test::MadeUpMachine machine;
	std::vector<recording::DriverDescription> drivers = recording::built_in_drivers();
};

TEST_F(DeviceListTest, AMachineWithoutAccelerators)
{
	for (int i = 0; i < 2; i++) {
		EXPECT_THAT(listed().devices, IsEmpty());
		EXPECT_THAT(shown(), AllOf(HasSubstr("this machine has no accelerator: there is no /dev/accel/accel*"),
					   HasSubstr("/dev/dri/renderD*"), HasSubstr("/dev/vnpu*")));
		file("/dev/null"); // the second time it has other devices
		file("/dev/dri/card0");
		file("/sys/class/mem/null/uevent", "DEVNAME=null\n");
	}
}

TEST_F(DeviceListTest, AnNpuOnPci)
{
	device("accel", "accel/accel0", "pci", "0000:00:0b.0", "intel_vpu");
	const ListedDevice device = only();
	EXPECT_EQ(device.node.path, "/dev/accel/accel0");
	EXPECT_TRUE(device.node.has_node);
	EXPECT_EQ(device.node.driver, "intel_vpu");
	EXPECT_EQ(device.node.module, "intel_vpu");
	EXPECT_EQ(device.node.bus, "pci");
	EXPECT_EQ(device.node.address, "0000:00:0b.0");
	EXPECT_THAT(names(device), ElementsAre("ivpu", "devfreq", "dma_fence"));
	EXPECT_EQ(device.descriptions.at(0).used(), nullptr);
	EXPECT_THAT(shown(), HasSubstr("ivpu (Intel NPU): n/a: tracefs has not all tracepoints of any source (vpu:job: "
				       "0 of 1 tracepoints)"));
	machine.tracepoint("vpu", "job", 1);
	EXPECT_THAT(shown(), AllOf(HasSubstr("  bus      pci 0000:00:0b.0\n"),
				   HasSubstr("ivpu (Intel NPU): tracepoints of vpu:job (1 of 1 sources found)\n"),
				   HasSubstr("dma_fence (DMA fences): n/a: ")));
}

TEST_F(DeviceListTest, SourcesAreFoundWholeOrNot)
{
	device("accel", "accel/accel0", "pci", "0000:c4:00.1", "amdxdna");
	fs::create_directories(root() + "/sys/module/gpu_sched/holders/amdxdna");
	EXPECT_THAT(names(only()), ElementsAre("amdxdna", "drm_sched", "devfreq", "dma_fence"));
	machine.tracepoint("amdxdna_trace", "xdna_job", 1);
	machine.tracepoint("gpu_scheduler", "drm_sched_job", 2);
	machine.tracepoint("gpu_scheduler", "drm_run_job", 3);
	const ListedDevice device = only();
	EXPECT_EQ(device.descriptions.at(0).whole_sources(), 1u);
	EXPECT_EQ(device.descriptions.at(0).used()->name, "amdxdna_trace:xdna_job with the DRM scheduler");
	ASSERT_THAT(device.descriptions.at(1).sources, SizeIs(3));
	EXPECT_EQ(device.descriptions.at(1).sources.at(1).found, 2u);
	EXPECT_EQ(device.descriptions.at(1).sources.at(1).wanted, 3u);
	EXPECT_EQ(device.descriptions.at(1).used(), nullptr) << "one of three is missing";
	EXPECT_THAT(shown(), HasSubstr("gpu_scheduler, up to Linux 6.16: 2 of 3 tracepoints"));
}

TEST_F(DeviceListTest, AnNpuOfADeviceTreeIsKnownByWhatItIsCompatibleWith)
{
	device("accel", "accel/accel0", "platform", "fdab0000.npu", "someones_rocket");
	EXPECT_THAT(names(only()), IsEmpty());
	file("/sys/devices/fdab0000.npu/of_node/compatible",
	     std::string_view("rockchip,other\0rockchip,rk3588-rknn-core\0", 41));
	EXPECT_THAT(names(only()), ElementsAre("rocket"));
	EXPECT_THAT(shown(), HasSubstr("rocket (Rockchip NPU (rocket)): no tracepoints of its own"));
	module("gpu_sched");
	EXPECT_THAT(names(only()), ElementsAre("rocket", "drm_sched", "devfreq", "dma_fence"));
}

TEST_F(DeviceListTest, AGpuWithoutADescriptionIsKnownByItsSchedulerAtMost)
{
	device("drm", "dri/renderD128", "pci", "0000:00:02.0", "i915");
	module("gpu_sched"); // of another device
	module("vdrm");      // whose nodes have the same names
	EXPECT_THAT(names(only()), IsEmpty());
	EXPECT_THAT(shown(), HasSubstr("  jobs     n/a: there is no description of the driver i915;"));
	fs::create_directories(root() + "/sys/module/gpu_sched/holders/i915");
	EXPECT_THAT(names(only()), ElementsAre("drm_sched", "devfreq", "dma_fence"));
}

TEST_F(DeviceListTest, DevicesWithoutHardwareAreKnownByNodeAndModule)
{
	file("/dev/vnpu0");
	file("/sys/class/misc/vnpu0/uevent", "MAJOR=10\nMINOR=122\nDEVNAME=vnpu0\n");
	EXPECT_THAT(names(only()), IsEmpty());
	EXPECT_THAT(shown(), HasSubstr("n/a: sysfs names no driver of it"));
	module("vnpu");
	EXPECT_THAT(names(only()), ElementsAre("vnpu", "devfreq", "dma_fence"));
	EXPECT_THAT(shown(), HasSubstr("  driver   n/a: sysfs does not say\n  bus      n/a: sysfs does not say\n"));
}

TEST_F(DeviceListTest, CamerasWhateverTheirDriver)
{
	device("video4linux", "video0", "usb", "1-1:1.0", "uvcvideo");
	EXPECT_THAT(names(only()), IsEmpty());
	module("videodev");
	EXPECT_THAT(names(only()), ElementsAre("v4l2", "devfreq", "dma_fence"));
}

TEST_F(DeviceListTest, EitherOfNodeAndSysfsMayBeMissing)
{
	file("/dev/accel/accel1");
	EXPECT_THAT(shown(), AllOf(HasSubstr("/dev/accel/accel1\n  driver   n/a"),
				   HasSubstr("n/a: sysfs does not know this device")));
	fs::remove_all(root() + "/dev");
	device("accel", "accel/accel0", "pci", "0000:00:0b.0", "intel_vpu");
	fs::remove_all(root() + "/dev");
	EXPECT_THAT(shown(), AllOf(HasSubstr("/dev/accel/accel0\n  node     n/a: it is in sysfs, but not in /dev"),
				   HasSubstr("ivpu (Intel NPU)")));
}

TEST_F(DeviceListTest, LinksThatAreMissingOrLeadNowhere)
{
	device("accel", "accel/accel0", "pci", "0000:00:0b.0", "intel_vpu");
	fs::remove_all(root() + "/sys/bus/pci/drivers/intel_vpu"); // the link's name is still the driver's
	fs::remove(root() + "/sys/devices/0000:00:0b.0/subsystem");
	EXPECT_EQ(only().node.driver, "intel_vpu");
	EXPECT_EQ(only().node.module, "");
	EXPECT_EQ(only().node.bus, "");
	EXPECT_THAT(shown(), HasSubstr("  bus      none; the device is 0000:00:0b.0\n"));
	fs::remove(root() + "/sys/devices/0000:00:0b.0/driver");
	EXPECT_EQ(only().node.driver, "");
	fs::create_symlink("..", root() + "/sys/devices/0000:00:0b.0/driver");
	EXPECT_EQ(only().node.driver, "") << "no name";
	fs::remove(root() + "/sys/class/accel/accel0");
	fs::create_symlink("accel0", root() + "/sys/class/accel/accel0"); // a loop
	EXPECT_EQ(only().node.device_class, "");
	EXPECT_EQ(only().node.path, "/dev/accel/accel0");
}

TEST_F(DeviceListTest, NamesCannotSteerTheTerminal)
{
	device("accel", "accel/accel0\x1b[2J", "b\x1b[1m", "a\x07", "d\x1b]0;t\x07");
	const std::string text = shown();
	EXPECT_EQ(text.find('\x1b'), text.npos);
	EXPECT_EQ(text.find('\x07'), text.npos);
	EXPECT_THAT(text, AllOf(HasSubstr("/dev/accel/accel0\\x1b[2J\n"), HasSubstr("d\\x1b]0;t\\x07"),
				HasSubstr("b\\x1b[1m a\\x07")));
}

TEST_F(DeviceListTest, NodesThatSysfsMakesUpLeadNowhereElse)
{
	file("/sys/class/accel/accel0/uevent", "DEVNAME=accel/accel0/../../../etc/passwd\n");
	file("/sys/class/accel/accel1/uevent", "XDEVNAME=accel/accel1\n");
	file("/sys/class/accel/accel2/uevent", std::string(100000, 'D'));
	file("/sys/class/accel/accel3/uevent", "DEVNAME=");
	EXPECT_THAT(listed().devices, IsEmpty());
}

TEST_F(DeviceListTest, WithoutTracefsNothingIsClaimedOfTracepoints)
{
	device("accel", "accel/accel0", "pci", "0000:00:0b.0", "intel_vpu");
	fs::remove_all(machine.sources().tracefs);
	EXPECT_THAT(shown(), AllOf(HasSubstr("ivpu (Intel NPU): n/a: tracepoints are not known\n"),
				   HasSubstr("tracepoints are not known: tracefs is not mounted at "),
				   HasSubstr("mount -t tracefs"), Not(HasSubstr("0 of 1"))));
}

TEST_F(DeviceListTest, AUsersDescriptionComesFirst)
{
	recording::DriverDescription mine;
	mine.name = "mine";
	mine.title = "Mine";
	mine.nodes = {"/dev/mine[0-9]"};
	mine.modules = {"mine"};
	drivers.insert(drivers.begin(), mine);
	file("/dev/mine0");
	file("/dev/mineral");
	module("mine");
	EXPECT_THAT(names(only()), ElementsAre("mine"));
	EXPECT_EQ(only().node.path, "/dev/mine0");
}

} // namespace
} // namespace neuroperf::collector
