// SPDX-License-Identifier: Apache-2.0
#include "recording/event_formats.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace neuroperf::recording {
namespace {

enum class FieldType { u32, u64, s64, text };

struct Field {
	std::string_view name;
	FieldType type;
	std::size_t offset;
};

struct EventSpec {
	OwnEventInfo info;
	std::vector<Field> fields;
	std::string_view named_field; // the field that holds the number of a definition, or empty
};

#define FIELD(Payload, field, type)                                                                                    \
	Field                                                                                                          \
	{                                                                                                              \
#field, FieldType::type, offsetof(Payload, field)                                                      \
	}

const std::vector<EventSpec> &specs()
{
	static const std::vector<EventSpec> all = {
		{{OwnEvent::layer_begin, "layer_begin"}, {FIELD(LayerPayload, layer, u32)}, "layer"},
		{{OwnEvent::layer_end, "layer_end"}, {FIELD(LayerPayload, layer, u32)}, "layer"},
		{{OwnEvent::spikes, "spikes"},
		 {FIELD(CountPayload, layer, u32), FIELD(CountPayload, count, u64)},
		 "layer"},
		{{OwnEvent::synops, "synops"},
		 {FIELD(CountPayload, layer, u32), FIELD(CountPayload, count, u64)},
		 "layer"},
		{{OwnEvent::inference_begin, "inference_begin"},
		 {FIELD(InferencePayload, inference, u32), FIELD(InferencePayload, sequence, u64)},
		 "inference"},
		{{OwnEvent::inference_end, "inference_end"},
		 {FIELD(InferencePayload, inference, u32), FIELD(InferencePayload, sequence, u64)},
		 "inference"},
		{{OwnEvent::counter, "counter"},
		 {FIELD(CounterPayload, counter, u32), FIELD(CounterPayload, value, s64),
		  FIELD(CounterPayload, bits, u64)},
		 "counter"},
		{{OwnEvent::mark, "mark"}, {FIELD(MarkPayload, mark, u32)}, "mark"},
		{{OwnEvent::layer_def, "layer_def"},
		 {FIELD(LayerDefPayload, layer, u32), FIELD(LayerDefPayload, neurons, u64),
		  FIELD(LayerDefPayload, synapses, u64), FIELD(LayerDefPayload, macs, u64),
		  FIELD(LayerDefPayload, parameters, u64), FIELD(LayerDefPayload, name, text),
		  FIELD(LayerDefPayload, kind, text)},
		 ""},
		{{OwnEvent::name_def, "name_def"},
		 {FIELD(NameDefPayload, id, u32), FIELD(NameDefPayload, what, u32), FIELD(NameDefPayload, name, text),
		  FIELD(NameDefPayload, kind, text)},
		 ""},
		{{OwnEvent::clock, "clock"},
		 {FIELD(ClockPayload, counter, u64), FIELD(ClockPayload, realtime_ns, u64)},
		 ""},
		{{OwnEvent::recorder_stat, "recorder_stat"},
		 {FIELD(StatPayload, name, text), FIELD(StatPayload, value, u64)},
		 ""},
		{{OwnEvent::note, "note"},
		 {FIELD(NotePayload, severity, u32), FIELD(NotePayload, code, text), FIELD(NotePayload, text, text),
		  FIELD(NotePayload, remedy, text)},
		 ""},
		{{OwnEvent::unseen_end, "unseen_end"}, {FIELD(LayerPayload, layer, u32)}, "layer"},
		{{OwnEvent::request_begin, "request_begin"},
		 {FIELD(InferencePayload, inference, u32), FIELD(InferencePayload, sequence, u64)},
		 "inference"},
		{{OwnEvent::request_end, "request_end"},
		 {FIELD(InferencePayload, inference, u32), FIELD(InferencePayload, sequence, u64)},
		 "inference"},
		{{OwnEvent::probed_end, "probed_end"},
		 {FIELD(ProbedEndPayload, layer, u32), FIELD(ProbedEndPayload, probe_ns, u64)},
		 "layer"},
		{{OwnEvent::runtime, "runtime"},
		 {FIELD(RuntimePayload, runtime, u32), FIELD(RuntimePayload, places, u32),
		  FIELD(RuntimePayload, places_found, u32), FIELD(RuntimePayload, functions, u32),
		  FIELD(RuntimePayload, functions_attached, u32), FIELD(RuntimePayload, functions_stepped, u32),
		  FIELD(RuntimePayload, name, text), FIELD(RuntimePayload, title, text),
		  FIELD(RuntimePayload, file, text)},
		 ""},
		{{OwnEvent::runtime_probes, "runtime_probes"},
		 {FIELD(RuntimeProbesPayload, runtime, u32), FIELD(RuntimeProbesPayload, hits, u64),
		  FIELD(RuntimeProbesPayload, before_ns, u64), FIELD(RuntimeProbesPayload, after_ns, u64),
		  FIELD(RuntimeProbesPayload, probes, text), FIELD(RuntimeProbesPayload, why_unknown, text)},
		 ""},
		{{OwnEvent::switch_out, "switch_out"},
		 {FIELD(SwitchOutPayload, state, u32), FIELD(SwitchOutPayload, system_call, s64),
		  FIELD(SwitchOutPayload, device, u32), FIELD(SwitchOutPayload, file_type, u32),
		  FIELD(SwitchOutPayload, flags, u32)},
		 ""},
		{{OwnEvent::switch_in, "switch_in"},
		 {FIELD(SwitchInPayload, woken_by, u32), FIELD(SwitchInPayload, woken_ns, u64),
		  FIELD(SwitchInPayload, waker_pid, u32), FIELD(SwitchInPayload, waker_tid, u32),
		  FIELD(SwitchInPayload, late_ns, u32)},
		 ""},
		{{OwnEvent::interrupted, "interrupted"}, {FIELD(InterruptedPayload, begin_ns, u64)}, ""},
	};
	return all;
}

#undef FIELD

// "char [] name" with the space: hotspot reads only this spelling as a string, perf both.
std::string field_line(const Field &field)
{
	struct Declaration {
		std::string_view before, size_sign;
	};
	static constexpr Declaration declarations[] = {
		{"u32", "size:4;\tsigned:0;"},
		{"u64", "size:8;\tsigned:0;"},
		{"s64", "size:8;\tsigned:1;"},
		{"__data_loc char []", "size:4;\tsigned:0;"},
	};
	const Declaration &declaration = declarations[static_cast<std::size_t>(field.type)];
	return fmt::format("\tfield:{} {};\toffset:{};\t{}\n", declaration.before, field.name, field.offset,
			   declaration.size_sign);
}

// A name inside a C string literal of the print format: everything that could end or change it becomes '_'.
std::string literal(std::string_view name)
{
	std::string safe;
	for (const char c : name)
		safe += static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f ? '_' : c;
	return safe;
}

std::string print_format(const EventSpec &spec, std::span<const SymbolicName> names)
{
	static constexpr std::string_view kConversions[] = {"%u", "%llu", "%lld", "%s"};
	std::string text, arguments;
	for (const Field &field : spec.fields) {
		const std::string_view conversion = kConversions[static_cast<std::size_t>(field.type)];
		text += fmt::format("{}{}={}", text.empty() ? "" : " ", field.name, conversion);
		arguments += field.type == FieldType::text ? fmt::format(", __get_str({})", field.name)
							   : fmt::format(", REC->{}", field.name);
		const auto is_here = [&](const SymbolicName &name) { return name.field == field.name; };
		if (field.name != spec.named_field || std::none_of(names.begin(), names.end(), is_here))
			continue;
		text += " name=%s";
		arguments += fmt::format(", __print_symbolic(REC->{}", field.name);
		for (const SymbolicName &name : names)
			if (name.field == spec.named_field)
				arguments += fmt::format(", {{ {}, \"{}\" }}", name.id, literal(name.name));
		arguments += ")";
	}
	return fmt::format("print fmt: \"{}\"{}\n", text, arguments);
}

} // namespace

std::span<const OwnEventInfo> own_events()
{
	static const std::vector<OwnEventInfo> infos = [] {
		std::vector<OwnEventInfo> result;
		for (const EventSpec &spec : specs())
			result.push_back(spec.info);
		return result;
	}();
	return infos;
}

std::string format_text(OwnEvent event, std::span<const SymbolicName> names)
{
	for (const EventSpec &spec : specs()) {
		if (spec.info.event != event)
			continue;
		std::string text = format_head(spec.info.name, static_cast<uint32_t>(event));
		for (const Field &field : spec.fields)
			text += field_line(field);
		return text + "\n" + print_format(spec, names);
	}
	return {};
}

std::string own_tracing_data(std::span<const SymbolicName> names, std::size_t max_size,
			     std::span<const TracingSystem> others)
{
	for (;;) {
		TracingSystem system{std::string(kOwnSystem), {}};
		for (const EventSpec &spec : specs())
			system.formats.push_back(format_text(spec.info.event, names));
		std::vector<TracingSystem> systems(others.begin(), others.end());
		systems.push_back(std::move(system));
		std::string section = build_tracing_data(systems);
		if (section.size() <= max_size || names.empty())
			return section;
		names = names.first(names.size() / 2);
	}
}

} // namespace neuroperf::recording
