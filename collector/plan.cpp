// SPDX-License-Identifier: Apache-2.0
#include "collector/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "recording/perf_layout.hpp"

namespace neuroperf::collector {
namespace {

struct Candidate {
	uint32_t type;
	uint64_t config;
	bool user_only;
	const char *name;
	int HostSnapshot::*error; // 0: it can be opened
};

// Best first.
constexpr Candidate kCandidates[] = {
	{PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false, "cycles", &HostSnapshot::cycles_error},
	{PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, true, "cycles:u", &HostSnapshot::cycles_user_only_error},
	{PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, false, "cpu-clock", &HostSnapshot::cpu_clock_error},
	{PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, true, "cpu-clock:u", &HostSnapshot::cpu_clock_user_only_error},
};

perf_event_attr sampling_attr(const Candidate &candidate, const RecordOptions &options, unsigned frequency_hz)
{
	perf_event_attr attr = {};
	attr.type = candidate.type;
	attr.size = recording::kAttrSize;
	attr.config = candidate.config;
	attr.build_id = 1; // with mappings, so that a file that is replaced later is not taken for the one that ran
	attr.sample_freq = frequency_hz;
	attr.freq = 1;
	attr.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			   PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD;
	if (options.callgraph)
		attr.sample_type |= PERF_SAMPLE_CALLCHAIN;
	attr.exclude_callchain_kernel = options.callgraph && candidate.user_only;
	attr.exclude_kernel = candidate.user_only;
	attr.exclude_hv = candidate.user_only;
	attr.read_format = PERF_FORMAT_ID;
	attr.disabled = 1;
	attr.enable_on_exec = 1;
	attr.inherit = 1;
	attr.mmap = 1;
	attr.mmap2 = 1;
	attr.comm = 1;
	attr.comm_exec = 1;
	attr.task = 1;
	attr.sample_id_all = 1;
	attr.use_clockid = 1;
	attr.clockid = CLOCK_MONOTONIC;
	attr.watermark = 1;
	attr.wakeup_watermark = 128 * 1024;
	return attr;
}

std::string reason(int error)
{
	switch (error) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
		return "this machine offers none (a virtual machine, or a CPU without a driver)";
	case EACCES:
	case EPERM:
		return "the kernel does not allow it to this user";
	case ENOSYS:
		return "this kernel is built without perf events";
	default:
		return std::strerror(error);
	}
}

bool is_refusal(int error)
{
	return error == EACCES || error == EPERM;
}

std::string privilege_remedy(const HostSnapshot &host)
{
	if (host.is_root)
		return "allow perf_event_open to this container or service (seccomp, capabilities)";
	return fmt::format("run as root, or set kernel.perf_event_paranoid (now {}) to 1", host.perf_event_paranoid);
}

void plan_sampling(const RecordOptions &options, const HostSnapshot &host, Plan *plan)
{
	const auto found = std::find_if(std::begin(kCandidates), std::end(kCandidates),
					[&](const Candidate &candidate) { return host.*candidate.error == 0; });
	if (found == std::end(kCandidates)) {
		const int error = host.cpu_clock_user_only_error;
		plan->items.push_back({"sampling", PlanItem::State::missing,
				       fmt::format("no samples: perf_event_open fails: {}", reason(error)),
				       is_refusal(error) ? privilege_remedy(host)
							 : "allow perf_event_open (seccomp of a container?)"});
		return;
	}
	unsigned frequency_hz = options.frequency_hz;
	const bool too_fast = host.max_sample_rate != 0 && frequency_hz > host.max_sample_rate;
	if (too_fast)
		frequency_hz = host.max_sample_rate;
	plan->sampling = PlannedSampling{sampling_attr(*found, options, frequency_hz), found->name};
	PlanItem item{"sampling", PlanItem::State::open,
		      fmt::format("{} at {} Hz on {} CPUs{}", found->name, frequency_hz, host.online_cpus.size(),
				  options.callgraph ? ", call chains by frame pointers" : ""),
		      ""};
	if (too_fast) {
		item.state = PlanItem::State::degraded;
		item.detail += fmt::format("; {} Hz is more than the kernel allows", options.frequency_hz);
		item.remedy = "raise kernel.perf_event_max_sample_rate";
	}
	plan->items.push_back(item);
	if (found->type != PERF_TYPE_HARDWARE) {
		const int error = host.cycles_user_only_error; // of the attempt that needs the least
		plan->items.push_back({"hardware counters", PlanItem::State::missing,
				       fmt::format("{}; the software clock samples instead", reason(error)),
				       is_refusal(error) ? privilege_remedy(host) : ""});
	}
	if (found->user_only)
		plan->items.push_back({"kernel samples", PlanItem::State::missing,
				       "time in the kernel is not sampled: the kernel does not allow it to this user",
				       privilege_remedy(host)});
	else if (!plan->kernel_map)
		plan->items.push_back({"kernel symbols", PlanItem::State::missing,
				       "kernel addresses have no names: /proc/kallsyms shows none to this user",
				       "set kernel.kptr_restrict to 0, or run as root"});
}

void plan_clock(const HostSnapshot &host, Plan *plan)
{
	plan->counter_clock = host.constant_counter;
	if (host.constant_counter)
		plan->items.push_back({"in-process events", PlanItem::State::open,
				       "layers and spikes through shared memory, stamped by the CPU's counter", ""});
	else
		plan->items.push_back(
			{"in-process events", PlanItem::State::degraded,
			 fmt::format("layers and spikes through shared memory, stamped by clock_gettime: {}",
				     host.counter_reason),
			 ""});
}

} // namespace

std::string to_string(PlanItem::State state)
{
	switch (state) {
	case PlanItem::State::open:
		return "ok";
	case PlanItem::State::degraded:
		return "degraded";
	case PlanItem::State::missing:
		return "missing";
	}
	return "?";
}

Plan make_plan(const RecordOptions &options, const HostSnapshot &host)
{
	Plan plan;
	plan.cpus = host.online_cpus;
	plan.kernel_map = host.kernel_text != 0;
	plan_sampling(options, host, &plan);
	plan_clock(host, &plan);
	if (host.invoking_user && !options.as_root) {
		plan.run_as = host.invoking_user;
		plan.items.push_back({"program", PlanItem::State::open,
				      fmt::format("runs as {} (uid {}), who called sudo", host.invoking_user->name,
						  host.invoking_user->uid),
				      ""});
	}
	return plan;
}

} // namespace neuroperf::collector
