// SPDX-License-Identifier: Apache-2.0
// Puts tracepoints of system calls, and drivers' calls, in place at what all system calls come by: the part of the BPF
// program for tracepoints that is bpf/system_calls.bpf.h.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/driver_probe.h"
#include "bpf/system_call.h"
#include "collector/bpf_support.hpp"
#include "collector/plan.hpp"
#include "recording/result.hpp"

struct tracepoint_events_bpf;

namespace neuroperf::collector {

struct SystemCallPlace {
	uint32_t number = 0; // of the call
	bool at_end = false;
	auto operator<=>(const SystemCallPlace &) const = default;
};

// Of "syscalls:sys_enter_ioctl" and its kin. None: it is no system call of this machine by the name that its headers
// have, or its record is not what the program writes.
std::optional<SystemCallPlace> system_call_place(std::string_view event, const std::string &format_text);

// Whether system calls are recorded by the program, and whether anything else is: what interrupts a call would write in
// the middle of what that tells, so both have rings of their own then.
struct PlannedCalls {
	bool any = false, others = false;

	bool are_apart() const { return any && others; }
};
PlannedCalls planned_calls(const Plan &plan);

class SystemCalls {
public:
	// Before the program is loaded: leaves out what the plan does not need. Returns the rings, by number.
	static Result<std::vector<unsigned>> choose_programs(const Plan &plan, tracepoint_events_bpf *program);

	explicit SystemCalls(tracepoint_events_bpf *program) : program_(program) {}

	// `event`: its number, as the program knows it. False: another event has this place, as where -e names one
	// twice.
	bool add(const SystemCallPlace &place, uint32_t event);
	// Calls on devices; with `ends`, their ends too.
	void probe(uint32_t number, np_probed_call_kind kind, bool ends);
	// Once all are there.
	Status attach(std::vector<BpfLink> *links);

private:
	tracepoint_events_bpf *program_;
	std::map<uint32_t, np_system_call> calls_; // by number
	bool begins_ = false, ends_ = false;
};

} // namespace neuroperf::collector
