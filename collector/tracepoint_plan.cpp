// SPDX-License-Identifier: Apache-2.0
#include "collector/tracepoint_plan.hpp"

#include <fmt/format.h>

#include "collector/bpf_tracepoints.hpp"

namespace neuroperf::collector {
namespace {

bool takes_every_event(const RequestedEvent &event, const RecordOptions &options)
{
	return !event.frequency_hz && event.period.value_or(options.period.value_or(1)) == 1;
}

bool is_whole_processes(const Target &target, const RecordOptions &options)
{
	if (target.kind == Target::Kind::control_group || !options.cpus.empty())
		return false;
	return options.threads.empty();
}

} // namespace

bool is_recorded_by_bpf(const EventGroup &group, const RecordOptions &options, const HostSnapshot &host,
			const Target &target)
{
	const RequestedEvent &event = group.events.front();
	if (!event.tracepoint_format || group.events.size() > 1)
		return false;
	if (options.no_bpf || host.bpf_error != 0 || !host.kernel_types)
		return false;
	if (options.user_only || event.attr.exclude_kernel || event.attr.exclude_user || !event.cpus.empty())
		return false;
	return options.callgraph == CallGraph::none && takes_every_event(event, options) &&
	       is_whole_processes(target, options) && can_record_by_bpf(*event.tracepoint_format);
}

std::optional<PlanItem> tracepoints_item(const Plan &plan, const RecordOptions &options, const HostSnapshot &host)
{
	constexpr const char *what = "tracepoints";
	std::vector<std::string> by_bpf, by_perf;
	for (const PlannedEvent &event : plan.events)
		if (event.tracepoint_format)
			(event.by_bpf ? by_bpf : by_perf).push_back(event.name);
	if (!by_bpf.empty())
		return PlanItem{what, PlanItem::State::open,
				fmt::format("{} each time, by a BPF program", some_of(by_bpf)), ""};
	if (by_perf.empty() || options.no_bpf || (host.bpf_error == 0 && host.kernel_types))
		return {}; // the sampling item names them
	return PlanItem{
		what, PlanItem::State::degraded,
		fmt::format("by perf events, which cost the program more than a BPF program would: {}",
			    host.bpf_error != 0 ? "none can be loaded" : "the kernel has no type information for them"),
		host.bpf_error != 0 ? std::string(run_as_root(host.in_user_namespace)) +
					      ", or: setcap cap_perfmon,cap_bpf+ep on neuroperf"
				    : "use a kernel built with CONFIG_DEBUG_INFO_BTF"};
}

} // namespace neuroperf::collector
