// SPDX-License-Identifier: Apache-2.0
// What this machine and this user may do, found out by reading /proc and /sys and by trying; the input of the plan.
//
// The snapshot is plain data, so that a plan can be made, and tested, for a machine that is not there.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::collector {

// Who ran sudo.
struct InvokingUser {
	unsigned uid = 0;
	unsigned gid = 0;
	std::string name;
	std::string home;
};

struct HostSnapshot {
	std::string hostname, kernel_release, architecture, cpu_model;
	std::string boot_id; // of this boot of this kernel, whatever container we are in; empty: not told
	std::vector<unsigned> online_cpus;
	uint64_t memory_bytes = 0;
	uint64_t page_size = 4096;

	bool is_root = false;                      // of the machine
	bool in_user_namespace = false;            // where root and capabilities are worth nothing to perf and BPF
	std::optional<InvokingUser> invoking_user; // set under sudo

	int perf_event_paranoid = 4; // 4: perf events are not there at all
	unsigned max_sample_rate = 0;
	// errno of an attempt to open the event on ourselves with and without the kernel; 0 = works
	int cycles_error = 0, cycles_user_only_error = 0;
	int cpu_clock_error = 0, cpu_clock_user_only_error = 0;
	std::optional<uint64_t> sample_cost_ns; // of the software clock; nothing: not tried, or too little to be seen

	int bpf_error = EPERM;     // errno of an attempt to load a BPF program; 0 = works
	std::string agent_problem; // why there is no agent for launched programs; empty: there is one
	bool kernel_types = false; // /sys/kernel/btf/vmlinux, which BPF programs that follow processes need

	bool constant_counter = false; // TSC constant and nonstop, or aarch64's architected counter
	std::string counter_reason;    // why not
	uint64_t kernel_text = 0;      // address of _text; 0: /proc/kallsyms shows this user no addresses
};

HostSnapshot take_host_snapshot();

bool in_user_namespace();
// How a remedy begins: "run as root", but being root in a container's user namespace is not enough.
std::string_view run_as_root(bool in_user_namespace);

} // namespace neuroperf::collector
