// SPDX-License-Identifier: Apache-2.0
#include "collector/system_calls.hpp"

#include <asm/unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <tracepoint_events.skel.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <set>

#include "bpf/tracepoint_event.h"
#include "recording/event_formats.hpp"

namespace neuroperf::collector {
namespace {

constexpr struct {
	std::string_view name;
	uint32_t number;
} kNumbers[] = {
#include "collector/system_call_numbers.inc"
};

constexpr std::string_view kEnter = "syscalls:sys_enter_", kExit = "syscalls:sys_exit_";
constexpr std::string_view kNewer = "new"; // sys_newfstat is what the call fstat became

// Tracepoints have the names of the kernel's functions, which for some calls are not those of its headers.
std::optional<uint32_t> number_of(std::string_view function)
{
	const auto found = std::find_if(std::begin(kNumbers), std::end(kNumbers),
					[&](const auto &call) { return call.name == function; });
	if (found != std::end(kNumbers))
		return found->number;
	return function.starts_with(kNewer) ? number_of(function.substr(kNewer.size())) : std::nullopt;
}

bool is_as_written(const recording::EventFormat &format, bool at_end)
{
	std::size_t values = 0;
	for (const recording::EventField &field : format.fields) {
		const bool is_number = field.name == "__syscall_nr";
		const std::size_t offset =
			NP_COMMON_FIELDS + (is_number ? 0 : offsetof(np_call_record, values) + values * 8);
		if (field.offset != offset || field.size != (is_number ? 4 : 8) || field.is_data_loc)
			return false;
		values += is_number ? 0 : 1;
	}
	return values <= (at_end ? 1 : NP_CALL_VALUES);
}

Error failure(std::string_view doing, int code)
{
	return bpf_error(doing, "system calls", code, "record with --no-bpf");
}

} // namespace

std::optional<SystemCallPlace> system_call_place(std::string_view event, const std::string &format_text)
{
	const bool at_end = event.starts_with(kExit);
	if (!at_end && !event.starts_with(kEnter))
		return {};
	const auto number = number_of(event.substr(at_end ? kExit.size() : kEnter.size()));
	const auto format = recording::parse_format_text("", format_text);
	if (!number || *number >= NP_MOST_SYSTEM_CALLS || !format.ok() || !is_as_written(*format, at_end))
		return {};
	return SystemCallPlace{*number, at_end};
}

PlannedCalls planned_calls(const Plan &plan)
{
	PlannedCalls found;
	std::set<SystemCallPlace> places;
	for (const PlannedEvent &event : plan.events) {
		if (!event.by_bpf)
			continue;
		const std::string format = event.tracepoint_format.value_or("");
		const auto place =
			event.probe ? std::optional<SystemCallPlace>() : system_call_place(event.name, format);
		const bool is_call =
			event.probe ? event.probe->probe.is_call() : place.has_value() && places.insert(*place).second;
		(is_call ? found.any : found.others) = true;
	}
	return found;
}

Result<std::vector<unsigned>> SystemCalls::choose_programs(const Plan &plan, tracepoint_events_bpf *program)
{
	const PlannedCalls planned = planned_calls(plan);
	for (bpf_program *one : {program->progs.np_call_begin, program->progs.np_call_end})
		if (const int code = bpf_program__set_autoload(one, planned.any); code != 0)
			return failure("choose", -code);
	std::vector<unsigned> rings = plan.events.front().cpus; // of the side band: all of them
	if (planned.are_apart()) {
		const unsigned first = *std::max_element(rings.begin(), rings.end()) + 1;
		program->rodata->np_first_ring_of_calls = first;
		for (std::size_t i = 0, cpus = rings.size(); i < cpus; i++)
			rings.push_back(first + rings[i]);
	}
	return rings;
}

bool SystemCalls::add(const SystemCallPlace &place, uint32_t event)
{
	np_system_call &call = calls_[place.number];
	__u16 &of_place = place.at_end ? call.end : call.begin;
	if (of_place != 0)
		return false;
	of_place = static_cast<uint16_t>(event + 1);
	(place.at_end ? ends_ : begins_) = true;
	return true;
}

void SystemCalls::probe(uint32_t number, np_probed_call_kind kind, bool ends)
{
	calls_[number].probed = static_cast<uint8_t>(kind + 1);
	begins_ = true;
	ends_ |= ends;
}

Status SystemCalls::attach(std::vector<BpfLink> *links)
{
	for (auto &[number, call] : calls_) {
		call.is_wanted = 1;
		if (bpf_map_update_elem(bpf_map__fd(program_->maps.np_system_calls), &number, &call, BPF_ANY) != 0)
			return failure("describe a call to", errno);
	}
	// An end without a begin is no event of a driver's.
	if (ends_ && !attach_all({program_->progs.np_call_end}, links))
		return failure("attach", errno);
	if (begins_ && !attach_all({program_->progs.np_call_begin}, links))
		return failure("attach", errno);
	return Done{};
}

} // namespace neuroperf::collector
