// SPDX-License-Identifier: Apache-2.0
// Puts the probes of drivers' descriptions in place: the part of the BPF program for tracepoints that makes events of
// system calls on device files, and of functions (bpf/driver_probes.bpf.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bpf/driver_probe.h"
#include "collector/bpf_support.hpp"
#include "collector/plan.hpp"
#include "collector/system_calls.hpp"
#include "recording/result.hpp"

struct tracepoint_events_bpf;

namespace neuroperf::collector {

class DriverProbes {
public:
	// Before the program is loaded: leaves out what the plan does not need.
	static Status choose_programs(const Plan &plan, tracepoint_events_bpf *program);

	explicit DriverProbes(tracepoint_events_bpf *program) : program_(program) {}

	// `number`: of the event, as the program knows it. A function that cannot be probed is kept in problems().
	Status add(const PlannedEvent &event, uint32_t number, std::vector<BpfLink> *links);
	// Once all are added.
	void name_calls(SystemCalls *calls) const;

	// "rknpu:done_begin (rknpu_job_done): Invalid argument"
	const std::vector<std::string> &problems() const { return problems_; }

private:
	Status add_call(const PlannedProbe &probe, uint32_t number);
	void attach_function(const PlannedEvent &event, uint32_t number, std::vector<BpfLink> *links);

	using CallKey = std::tuple<uint32_t, uint32_t, uint32_t>; // device, kind, request
	tracepoint_events_bpf *program_;
	std::map<CallKey, np_probed_call> calls_;
	std::vector<std::string> problems_;
};

} // namespace neuroperf::collector
