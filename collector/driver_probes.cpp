// SPDX-License-Identifier: Apache-2.0
#include "collector/driver_probes.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <tracepoint_events.skel.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "collector/libbpf_messages.hpp"

namespace neuroperf::collector {
namespace {

using recording::DriverProbe;

// Calls that are of one kind for a description.
constexpr struct {
	np_probed_call_kind kind;
	uint32_t number;
} kCalls[] = {
	{NP_CALL_IOCTL, SYS_ioctl}, {NP_CALL_READ, SYS_read},      {NP_CALL_READ, SYS_pread64},
	{NP_CALL_WRITE, SYS_write}, {NP_CALL_WRITE, SYS_pwrite64},
};

np_probed_call_kind kind_of(const DriverProbe &probe)
{
	switch (probe.kind) {
	case DriverProbe::Kind::read:
		return NP_CALL_READ;
	case DriverProbe::Kind::write:
		return NP_CALL_WRITE;
	default:
		return NP_CALL_IOCTL;
	}
}

Error failure(std::string_view doing, int code)
{
	return bpf_error(doing, "drivers' calls", code, "record with --driver none");
}

} // namespace

Status DriverProbes::choose_programs(const Plan &plan, tracepoint_events_bpf *program)
{
	const auto any = [&](auto is_wanted) {
		return std::any_of(plan.events.begin(), plan.events.end(), [&](const PlannedEvent &event) {
			return event.by_bpf && event.probe && is_wanted(*event.probe);
		});
	};
	const bool calls = any([](const PlannedProbe &probe) { return probe.probe.is_call(); });
	program->rodata->np_any_requests = any([](const PlannedProbe &probe) {
		return probe.probe.kind == DriverProbe::Kind::ioctl && probe.probe.requests.empty();
	});
	const auto &programs = program->progs;
	int error = 0;
	const auto choose = [&error](bpf_program *one, bool wanted) {
		if (const int code = bpf_program__set_autoload(one, wanted); code != 0)
			error = code;
	};
	choose(programs.np_function_begin,
	       any([](const PlannedProbe &probe) { return !probe.probe.is_call() && !probe.at_end; }));
	choose(programs.np_function_end,
	       any([](const PlannedProbe &probe) { return !probe.probe.is_call() && probe.at_end; }));
	if (!calls)
		for (bpf_map *map : {program->maps.np_probed_calls, program->maps.np_open_calls})
			if (const int code = bpf_map__set_max_entries(map, 1); code != 0)
				error = code;
	if (error != 0)
		return failure("choose", -error);
	return Done{};
}

Status DriverProbes::add(const PlannedEvent &event, uint32_t number, std::vector<BpfLink> *links)
{
	if (event.probe->probe.is_call())
		return add_call(*event.probe, number);
	attach_function(event, number, links);
	return Done{};
}

Status DriverProbes::add_call(const PlannedProbe &planned, uint32_t number)
{
	const DriverProbe &probe = planned.probe;
	std::vector<uint32_t> requests = probe.requests;
	if (probe.kind != DriverProbe::Kind::ioctl)
		requests = {0};
	else if (requests.empty())
		requests = {NP_ANY_REQUEST};
	for (const ProbedDevice &device : planned.devices) {
		np_probed_call unused{};
		unused.begin = unused.end = unused.pointer_at = NP_NOT_WANTED;
		std::copy_n(device.node.begin(), std::min<std::size_t>(device.node.size(), NP_NODE_BYTES - 1),
			    unused.node);
		for (const uint32_t request : requests) {
			const np_probed_call_key key{device.number, static_cast<uint32_t>(kind_of(probe)), request};
			np_probed_call &call =
				calls_.try_emplace({key.device, key.kind, key.request}, unused).first->second;
			__u16 &event = planned.at_end ? call.end : call.begin;
			if (event != NP_NOT_WANTED) {
				problems_.push_back(fmt::format("{} on {}: another probe has this call already",
								probe.name, device.node));
				continue;
			}
			event = static_cast<uint16_t>(number);
			call.argument_bytes =
				std::max(call.argument_bytes, static_cast<uint16_t>(probe.argument_bytes));
			if (probe.pointed_bytes > 0) {
				call.pointer_at = static_cast<uint16_t>(probe.pointer_at);
				call.pointed_bytes = static_cast<uint16_t>(probe.pointed_bytes);
			}
			if (bpf_map_update_elem(bpf_map__fd(program_->maps.np_probed_calls), &key, &call, BPF_ANY) == 0)
				continue;
			if (errno != E2BIG)
				return failure("describe a call to", errno);
			problems_.push_back(fmt::format("{} on {}: there are more than {} calls on devices", probe.name,
							device.node, NP_MOST_PROBED_CALLS));
			return Done{};
		}
	}
	return Done{};
}

void DriverProbes::attach_function(const PlannedEvent &event, uint32_t number, std::vector<BpfLink> *links)
{
	LIBBPF_OPTS(bpf_kprobe_opts, options, .bpf_cookie = number, .retprobe = event.probe->at_end);
	const bpf_program *program =
		event.probe->at_end ? program_->progs.np_function_end : program_->progs.np_function_begin;
	BpfLink link(bpf_program__attach_kprobe_opts(program, event.probe->probe.function.c_str(), &options));
	if (link)
		links->push_back(std::move(link));
	else
		problems_.push_back(
			fmt::format("{} ({}): {}", event.name, event.probe->probe.function, std::strerror(errno)));
	take_libbpf_message();
}

void DriverProbes::name_calls(SystemCalls *calls) const
{
	for (const auto &call : kCalls)
		for (const auto &[key, known] : calls_)
			if (std::get<1>(key) == call.kind)
				calls->probe(call.number, call.kind, known.end != NP_NOT_WANTED);
}

} // namespace neuroperf::collector
