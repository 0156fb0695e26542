// SPDX-License-Identifier: Apache-2.0
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "collector/attached_events.hpp"
#include "collector/capabilities.hpp"
#include "recording/perf_layout.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

int open_error(perf_event_attr *attr, int task, int cpu)
{
	attr->size = recording::kAttrSize;
	attr->disabled = 1;
	const UniqueFd fd(static_cast<int>(::syscall(SYS_perf_event_open, attr, task, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
	return fd.valid() ? 0 : errno;
}

int try_whole_machine()
{
	perf_event_attr attr = {};
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.sample_period = 1000000;
	return open_error(&attr, -1, 0);
}

// Links of our own ask for less than perf events do.
bool can_attach_by_links()
{
	constexpr std::size_t kAnySize = 64 << 10;
	const auto attached = AttachedEvents::open(AttachedTarget{}, kAnySize);
	return attached.ok() && attached->uses_links();
}

// An event on the first bytes of our own program: it is never enabled, so nothing is ever put there.
int try_uprobe()
{
	unsigned type = 0;
	if (!(std::ifstream("/sys/bus/event_source/devices/uprobe/type") >> type))
		return ENODEV;
	perf_event_attr attr = {};
	attr.type = type;
	attr.config1 = reinterpret_cast<uint64_t>("/proc/self/exe");
	return open_error(&attr, 0, -1);
}

// Raw data of the kernel's, which not everybody may have.
int try_tracepoint(const std::string &tracefs)
{
	perf_event_attr attr = {};
	if (!(std::ifstream(tracefs + "/events/sched/sched_switch/id") >> attr.config))
		return ENOENT;
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.sample_period = 1;
	attr.sample_type = PERF_SAMPLE_RAW;
	return open_error(&attr, -1, 0);
}

struct Mount {
	std::string place, type, options;
};

// /proc/self/mountinfo: "36 35 98:0 /root /place options ... - type source super-options"
std::vector<Mount> mounts()
{
	std::vector<Mount> found;
	std::ifstream file("/proc/self/mountinfo");
	std::string line;
	while (std::getline(file, line)) {
		std::istringstream words(line);
		Mount mount;
		std::string word;
		for (int i = 0; i < 4; i++)
			words >> word;
		words >> mount.place;
		while (words >> word && word != "-") {
		}
		words >> mount.type >> word >> mount.options;
		found.push_back(std::move(mount));
	}
	return found;
}

} // namespace

HostProbes probe_host(const HostSnapshot &host)
{
	HostProbes probes;
	probes.whole_machine_error = try_whole_machine();
	probes.uprobe_error = try_uprobe();
	if (probes.uprobe_error != 0 && host.bpf_error == 0 && can_attach_by_links())
		probes.uprobe_error = 0;
	for (const Mount &mount : mounts()) {
		if (mount.type == "tracefs" && probes.tracefs.empty())
			probes.tracefs = mount.place;
		if (mount.type == "cgroup2" ||
		    (mount.type == "cgroup" && mount.options.find("perf_event") != std::string::npos))
			probes.control_groups = true;
	}
	if (!probes.tracefs.empty() && ::access((probes.tracefs + "/events").c_str(), R_OK | X_OK) != 0)
		probes.tracefs_error = errno;
	if (!probes.tracefs.empty() && probes.tracefs_error == 0)
		probes.tracepoint_error = try_tracepoint(probes.tracefs);
	rlimit files{};
	if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
		probes.open_files = files.rlim_max;
	std::ifstream("/proc/sys/kernel/perf_event_mlock_kb") >> probes.ring_kib;
	return probes;
}

} // namespace neuroperf::collector
