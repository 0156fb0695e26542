// SPDX-License-Identifier: Apache-2.0
#include "recording/driver_probe.hpp"

#include <fmt/format.h>

#include <cstddef>

#include "bpf/driver_probe.h"
#include "bpf/tracepoint_event.h"

namespace neuroperf::recording {
namespace {

constexpr uint32_t in_record(std::size_t offset)
{
	return static_cast<uint32_t>(NP_COMMON_FIELDS + offset);
}

constexpr uint32_t kBytesAt = in_record(sizeof(np_probe_record));

std::string field_line(const EventField &field)
{
	return fmt::format("\tfield:{} {};\toffset:{};\tsize:{};\tsigned:{};\n", field.type, field.name, field.offset,
			   field.size, field.is_signed ? 1 : 0);
}

std::string end_or_begin(const DriverProbe &probe, bool at_end)
{
	return probe.name + (at_end ? "_end" : "_begin");
}

} // namespace

const EventField *DriverProbe::field(std::string_view wanted) const
{
	for (const EventField &candidate : fields)
		if (candidate.name == wanted)
			return &candidate;
	return nullptr;
}

bool DriverProbe::has_field(std::string_view wanted, bool at_end) const
{
	const auto format = parse_format_text("", format_of_probe(*this, at_end, kDriverProbeIdBase));
	return format.ok() && format->field(wanted);
}

uint32_t offset_of_argument(uint32_t number)
{
	return in_record(offsetof(np_probe_record, arguments) + std::size_t{8} * (number - 1));
}

uint32_t offset_in_argument(uint32_t at)
{
	return kBytesAt + at;
}

uint32_t offset_in_given(uint32_t at)
{
	return in_record(offsetof(np_probe_record, given) + at);
}

uint32_t offset_in_pointed(uint32_t at)
{
	return kBytesAt + NP_MOST_ARGUMENT_BYTES + at;
}

std::string event_of_probe(std::string_view description, const DriverProbe &probe, bool at_end)
{
	return fmt::format("{}:{}", description, end_or_begin(probe, at_end));
}

std::string format_of_probe(const DriverProbe &probe, bool at_end, uint32_t id)
{
	std::string text = format_head(end_or_begin(probe, at_end), id);
	std::string print, values;
	const auto add = [&](std::string_view type, std::string_view name, std::size_t offset, uint32_t size,
			     bool is_signed, std::string_view printed) {
		text += fmt::format("\tfield:{};\toffset:{};\tsize:{};\tsigned:{};\n", type, in_record(offset), size,
				    is_signed ? 1 : 0);
		if (printed.empty())
			return;
		print += fmt::format("{}{}={}", print.empty() ? "" : " ", name, printed);
		values += fmt::format(", REC->{}", name);
	};
	if (probe.is_call()) {
		add(fmt::format("char node[{}]", NP_NODE_BYTES), "node", offsetof(np_probe_record, node), NP_NODE_BYTES,
		    false, "%s");
		add("u32 device", "device", offsetof(np_probe_record, device), 4, false, "");
	}
	if (probe.kind == DriverProbe::Kind::ioctl)
		add("u32 request", "request", offsetof(np_probe_record, request), 4, false, "0x%x");
	if (at_end)
		add("s64 result", "result", offsetof(np_probe_record, result), 8, true, "%lld");
	add("u32 process", "process", offsetof(np_probe_record, process), 4, false, "");
	add("u32 thread", "thread", offsetof(np_probe_record, thread), 4, false, "");
	add(fmt::format("u64 arguments[{}]", NP_PROBE_ARGUMENTS), "arguments", offsetof(np_probe_record, arguments),
	    8 * NP_PROBE_ARGUMENTS, false, "");
	for (const EventField &field : probe.fields) {
		text += field_line(field);
		print +=
			fmt::format("{}{}={}", print.empty() ? "" : " ", field.name, field.is_signed ? "%lld" : "%llu");
		values += fmt::format(", (unsigned long long)REC->{}", field.name);
	}
	return fmt::format("{}\nprint fmt: \"{}\"{}\n", text, print, values);
}

} // namespace neuroperf::recording
