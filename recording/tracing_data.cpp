// SPDX-License-Identifier: Apache-2.0
#include "recording/tracing_data.hpp"

#include <fmt/format.h>

#include <charconv>

#include "recording/bytes.hpp"

namespace neuroperf::recording {
namespace {

constexpr std::string_view kMagic = "\x17\x08\x44tracing";

// Describes ring-buffer pages of ftrace, which perf.data does not contain; readers insist on four parsable lines.
constexpr std::string_view kHeaderPage = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
					 "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
					 "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
					 "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";

constexpr std::size_t kMaxSystems = 4096;
constexpr std::size_t kMaxEvents = 65536;

Error damaged(std::string_view where)
{
	return {ErrorCode::format, fmt::format("the tracing-data section is damaged ({})", where), 0, ""};
}

std::string_view trimmed(std::string_view text)
{
	const auto first = text.find_first_not_of(" \t\r");
	if (first == text.npos)
		return {};
	return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool take_prefix(std::string_view &text, std::string_view prefix)
{
	if (!text.starts_with(prefix))
		return false;
	text.remove_prefix(prefix.size());
	return true;
}

bool parse_number(std::string_view text, uint32_t *value)
{
	text = trimmed(text);
	return std::from_chars(text.data(), text.data() + text.size(), *value).ec == std::errc{};
}

// "unsigned long args[6]" -> type and name; "__data_loc char[] name" and "__data_loc char [] name" alike.
void split_declaration(std::string_view declaration, EventField *field)
{
	std::string_view name = declaration;
	std::string suffix;
	const auto bracket = declaration.rfind('[');
	if (bracket != declaration.npos && declaration.back() == ']' &&
	    declaration.find(' ', bracket) == declaration.npos) {
		suffix = std::string(declaration.substr(bracket));
		name = trimmed(declaration.substr(0, bracket));
	}
	const auto space = name.find_last_of(" *");
	field->name = std::string(space == name.npos ? name : name.substr(space + 1));
	field->type =
		std::string(trimmed(space == name.npos ? std::string_view() : name.substr(0, space + 1))) + suffix;
	field->is_data_loc = field->type.starts_with("__data_loc");
	const bool is_array = field->type.find('[') != field->type.npos;
	field->is_text = is_array && field->type.find("char") != field->type.npos;
}

// "field:TYPE NAME;\toffset:8;\tsize:4;\tsigned:0;"
bool parse_field(std::string_view line, EventField *field)
{
	bool has_offset = false, has_size = false;
	while (!line.empty()) {
		const auto end = line.find(';');
		std::string_view part = trimmed(line.substr(0, end));
		line = end == line.npos ? std::string_view() : line.substr(end + 1);
		uint32_t number = 0;
		if (take_prefix(part, "field special:") || take_prefix(part, "field:"))
			split_declaration(trimmed(part), field);
		else if (take_prefix(part, "offset:"))
			has_offset = parse_number(part, &field->offset);
		else if (take_prefix(part, "size:"))
			has_size = parse_number(part, &field->size);
		else if (take_prefix(part, "signed:") && parse_number(part, &number))
			field->is_signed = number != 0;
	}
	return has_offset && has_size && !field->name.empty();
}

} // namespace

std::string build_tracing_data(const std::vector<TracingSystem> &systems)
{
	ByteWriter section;
	section.put_bytes(kMagic).put_text("0.6");
	section.put<uint8_t>(0).put<uint8_t>(8).put<uint32_t>(4096); // little endian, sizeof(long), page size
	section.put_text("header_page").put<uint64_t>(kHeaderPage.size()).put_bytes(kHeaderPage);
	section.put_text("header_event").put<uint64_t>(0);
	section.put<uint32_t>(0); // events of the "ftrace" system
	section.put(static_cast<uint32_t>(systems.size()));
	for (const TracingSystem &system : systems) {
		section.put_text(system.name).put(static_cast<uint32_t>(system.formats.size()));
		for (const std::string &format : system.formats)
			section.put<uint64_t>(format.size()).put_bytes(format);
	}
	section.put<uint32_t>(0); // kallsyms
	section.put<uint32_t>(0); // printk formats
	section.put<uint64_t>(0); // saved command lines
	return section.take();
}

Result<std::vector<TracingSystem>> parse_tracing_data(std::string_view section)
{
	Cursor in(section);
	if (in.read_bytes(kMagic.size()) != kMagic)
		return damaged("magic");
	in.read_text(); // version: the parts we read are the same in all of them
	if (in.read<uint8_t>() != 0)
		return Error{ErrorCode::unsupported, "the tracing-data section is big endian", 0, ""};
	in.read<uint8_t>();
	in.read<uint32_t>();
	for (const std::string_view name : {"header_page", "header_event"}) {
		if (in.read_text() != name)
			return damaged(name);
		in.skip(in.read<uint64_t>());
	}
	std::vector<TracingSystem> systems;
	const auto read_formats = [&in](TracingSystem *system) {
		const uint32_t count = in.read<uint32_t>();
		for (uint32_t i = 0; i < count && i < kMaxEvents && in.ok(); i++)
			system->formats.emplace_back(in.read_bytes(in.read<uint64_t>()));
	};
	TracingSystem ftrace{"ftrace", {}};
	read_formats(&ftrace);
	systems.push_back(std::move(ftrace));
	const uint32_t count = in.read<uint32_t>();
	for (uint32_t i = 0; i < count && i < kMaxSystems && in.ok(); i++) {
		TracingSystem system{std::string(in.read_text()), {}};
		read_formats(&system);
		systems.push_back(std::move(system));
	}
	if (!in.ok())
		return damaged("cut short");
	return systems;
}

const EventField *EventFormat::field(std::string_view wanted) const
{
	for (const EventField &candidate : fields)
		if (candidate.name == wanted)
			return &candidate;
	return nullptr;
}

// The empty lines around the fields are part of the grammar: hotspot needs them.
std::string format_head(std::string_view name, uint32_t id)
{
	return fmt::format("name: {}\nID: {}\nformat:\n"
			   "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
			   "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
			   "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
			   "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n",
			   name, id);
}

Result<EventFormat> parse_format_text(std::string_view system, std::string_view text)
{
	EventFormat format;
	format.system = std::string(system);
	while (!text.empty()) {
		const auto end = text.find('\n');
		std::string_view line = trimmed(text.substr(0, end));
		text = end == text.npos ? std::string_view() : text.substr(end + 1);
		if (take_prefix(line, "name:")) {
			format.name = std::string(trimmed(line));
		} else if (take_prefix(line, "ID:")) {
			parse_number(line, &format.id);
		} else if (line.starts_with("field")) {
			EventField field;
			if (!parse_field(line, &field))
				return Error{ErrorCode::format,
					     fmt::format("format text of {}:{} is damaged", system, format.name), 0,
					     ""};
			if (!field.name.starts_with("common_"))
				format.fields.push_back(std::move(field));
		}
	}
	if (format.name.empty() || format.id == 0)
		return Error{ErrorCode::format, "a format text has no name or no id", 0, ""};
	return format;
}

uint32_t array_length(const EventField &field)
{
	const auto bracket = field.type.rfind('[');
	uint32_t length = 0;
	if (bracket == field.type.npos || field.is_text || field.is_data_loc ||
	    !parse_number(std::string_view(field.type).substr(bracket + 1), &length) || length == 0)
		return 0;
	const uint32_t each = field.size / length;
	const bool is_number = each == 1 || each == 2 || each == 4 || each == 8;
	return is_number && each * length == field.size ? length : 0;
}

EventField array_element(const EventField &field, uint32_t index)
{
	EventField element = field;
	element.size = field.size / array_length(field);
	element.offset = field.offset + index * element.size;
	return element;
}

uint64_t read_number(const EventField &field, std::string_view payload)
{
	if (field.offset > payload.size() || field.size > payload.size() - field.offset)
		return 0;
	const char *at = payload.data() + field.offset;
	switch (field.size) {
	case 1:
		return field.is_signed ? static_cast<uint64_t>(load<int8_t>(at)) : load<uint8_t>(at);
	case 2:
		return field.is_signed ? static_cast<uint64_t>(load<int16_t>(at)) : load<uint16_t>(at);
	case 4:
		return field.is_signed ? static_cast<uint64_t>(load<int32_t>(at)) : load<uint32_t>(at);
	case 8:
		return load<uint64_t>(at);
	default:
		return 0;
	}
}

std::string_view read_text(const EventField &field, std::string_view payload)
{
	uint64_t offset = field.offset, size = field.size;
	if (field.is_data_loc) {
		const uint64_t location = read_number(field, payload);
		offset = location & 0xffff;
		size = location >> 16 & 0xffff;
	}
	if (offset > payload.size() || size > payload.size() - offset)
		return {};
	const std::string_view value = payload.substr(offset, size);
	return value.substr(0, value.find('\0'));
}

} // namespace neuroperf::recording
