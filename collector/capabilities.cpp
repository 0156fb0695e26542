// SPDX-License-Identifier: Apache-2.0
#include "collector/capabilities.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace neuroperf::collector {
namespace {

using State = PlanItem::State;

std::string give_capabilities(const HostSnapshot &host)
{
	if (host.in_user_namespace)
		return std::string(run_as_root(true)); // files in there have no capabilities that count
	return "run as root, or: setcap cap_perfmon,cap_bpf,cap_sys_ptrace+ep on neuroperf";
}

bool is_refusal(int error)
{
	return error == EPERM || error == EACCES;
}

// "ok" with `works`, else missing with the reason.
PlanItem tried(const HostSnapshot &host, const std::string &what, int error, const std::string &works,
	       const std::string &lost)
{
	if (error == 0)
		return {what, State::open, works, ""};
	if (is_refusal(error))
		return {what, State::missing, fmt::format("{}: the kernel does not allow it to this user", lost),
			give_capabilities(host)};
	const bool absent = error == ENOSYS || error == ENODEV || error == ENOENT || error == EOPNOTSUPP;
	return {what, State::missing,
		fmt::format("{}: {}", lost, absent ? "this kernel does not offer it" : std::strerror(error)),
		absent ? "use a kernel that is built with it" : ""};
}

PlanItem whole_machine(const HostSnapshot &host, const HostProbes &probes)
{
	PlanItem item = tried(host, "whole machine (-a, -C)", probes.whole_machine_error,
			      "every process can be recorded", "only processes of this user can be recorded");
	if (is_refusal(probes.whole_machine_error))
		item.remedy = fmt::format("{}, or set kernel.perf_event_paranoid (now {}) to 0",
					  run_as_root(host.in_user_namespace), host.perf_event_paranoid);
	return item;
}

PlanItem tracepoints(const HostSnapshot &host, const HostProbes &probes)
{
	constexpr const char *what = "tracepoints (-e group:name)";
	if (probes.tracefs.empty())
		return {what, State::missing, "tracefs is not mounted, so events of the kernel cannot be named",
			"as root: mount -t tracefs nodev /sys/kernel/tracing"};
	if (probes.tracefs_error != 0)
		return {what, State::missing, fmt::format("{} cannot be read by this user", probes.tracefs),
			fmt::format("{}, or: mount -o remount,mode=755 {}", run_as_root(host.in_user_namespace),
				    probes.tracefs)};
	if (is_refusal(probes.tracepoint_error))
		return {what, State::degraded, "only those of this user's own processes, without raw data",
			fmt::format("{}, or set kernel.perf_event_paranoid to -1", give_capabilities(host))};
	return tried(host, what, probes.tracepoint_error, fmt::format("named in {}", probes.tracefs),
		     "the kernel's events cannot be recorded");
}

PlanItem attach(const HostSnapshot &host, const HostProbes &probes)
{
	constexpr const char *what = "layers of running programs (-p)";
	if (probes.uprobe_error != 0)
		return tried(host, what, probes.uprobe_error, "", "probes cannot be put into running programs");
	return tried(host, what, host.bpf_error, "by probes in neuroperf.h", "probes cannot be read");
}

PlanItem bpf(const HostSnapshot &host)
{
	PlanItem item = tried(host, "BPF", host.bpf_error, "programs can be loaded", "no BPF programs");
	if (item.state == State::open && !host.kernel_types)
		return {"BPF", State::degraded, "the kernel has no type information (/sys/kernel/btf/vmlinux)",
			"use a kernel built with CONFIG_DEBUG_INFO_BTF"};
	return item;
}

PlanItem open_files(const HostSnapshot &host, const HostProbes &probes)
{
	constexpr uint64_t kThreads = 1000; // of a program that is attached to
	const uint64_t wanted = kThreads * host.online_cpus.size();
	if (probes.open_files >= wanted)
		return {"open files", State::open, fmt::format("up to {}", probes.open_files), ""};
	return {"open files", State::degraded,
		fmt::format("at most {}: of a running program about {} threads can be recorded", probes.open_files,
			    probes.open_files / host.online_cpus.size()),
		"raise the hard limit: ulimit -Hn, LimitNOFILE= of a service"};
}

} // namespace

std::vector<PlanItem> capabilities(const HostSnapshot &host, const HostProbes &probes)
{
	RecordOptions options;
	options.callgraph = CallGraph::frame_pointers;
	std::vector<PlanItem> items = make_plan(options, host).items;
	items.push_back(whole_machine(host, probes));
	items.push_back(tracepoints(host, probes));
	items.push_back(bpf(host));
	items.push_back(attach(host, probes));
	items.push_back(probes.control_groups ? PlanItem{"control groups (-G, --container)", State::open,
							 "a hierarchy is mounted", ""}
					      : PlanItem{"control groups (-G, --container)", State::missing,
							 "no hierarchy that perf can use is mounted",
							 "as root: mount -t cgroup2 nodev /sys/fs/cgroup"});
	items.push_back(open_files(host, probes));
	items.push_back({"perf rings", State::open,
			 host.is_root ? std::string("of any size") : fmt::format("up to {} KiB a CPU", probes.ring_kib),
			 ""});
	return items;
}

} // namespace neuroperf::collector
