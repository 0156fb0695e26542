// SPDX-License-Identifier: Apache-2.0
// What all our BPF programs need from user space: errors with a remedy, the pid namespace, and the tree of processes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/recorded_processes.h"
#include "collector/target.hpp"
#include "recording/result.hpp"

struct bpf_link;
struct bpf_program;
struct ring_buffer;

namespace neuroperf::collector {

// "cannot load the BPF program for probes: Operation not permitted", with what libbpf said. ErrorCode::privilege where
// the kernel refused, else unsupported. `instead`: what needs no BPF, for the remedy.
Error bpf_error(std::string_view doing, std::string_view program, int code, std::string_view instead);

struct PidNamespace {
	uint64_t device = 0, inode = 0; // both 0: the first of all, or unknown
};
PidNamespace own_pid_namespace();

struct CloseBpfLink {
	void operator()(bpf_link *link) const;
};
using BpfLink = std::unique_ptr<bpf_link, CloseBpfLink>;

struct FreeBpfRing {
	void operator()(ring_buffer *ring) const;
};
using BpfRing = std::unique_ptr<ring_buffer, FreeBpfRing>;

constexpr std::size_t kBpfRingRecordHeader = 8; // of each record, in the ring
// What a ring may have: a power of two from 64 KiB to 1 GiB.
std::size_t bpf_ring_bytes(std::size_t wanted);

// To where each says itself that it belongs. False: errno says why not.
bool attach_all(std::initializer_list<const bpf_program *> programs, std::vector<BpfLink> *links);

// Puts a process into the map np_tree of a program that includes bpf/recorded_processes.bpf.h. ESRCH: it is gone.
Status add_to_process_tree(int map, pid_t process, np_recorded state);
// The same for all processes of a target that run already; those that are gone are left out.
Status add_target(int map, const Target &target);

// How often a program was not run because another ran on that CPU already.
uint64_t recursion_misses(int program);

// Whether that is all of programs of tracepoints, by the kernel's release ("6.1.0-32-rt-amd64"): until Linux 6.6 those
// that perf runs are not counted when they are left out (kernel/trace/bpf_trace.c, trace_call_bpf), because another one
// runs there or somebody changes a map, and nothing but the version tells.
bool counts_misses_of_tracepoints(const std::string &kernel_release);

} // namespace neuroperf::collector
