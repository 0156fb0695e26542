// SPDX-License-Identifier: Apache-2.0
#include "recording/driver_probe_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "bpf/driver_probe.h"

namespace neuroperf::recording {
namespace {

using nlohmann::json;

constexpr std::size_t kMostProbes = 64, kMostRequests = 16, kMostFields = 16;

constexpr std::pair<std::string_view, uint32_t> kTypes[] = {{"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8},
							    {"s8", 1}, {"s16", 2}, {"s32", 4}, {"s64", 8}};

class ProbeReader {
public:
	ProbeReader(std::string path, JsonDescription *description) : path_(std::move(path)), in_(*description) {}

	DriverProbe read(const std::string &name, const json &from)
	{
		probe_.name = name;
		in_.allow(from, path_, {"ioctl", "call", "function", "pointer_at", "fields"});
		if (!in_.failed())
			read_place(from);
		if (!in_.failed() && from.contains("pointer_at"))
			read_pointer(from);
		if (!in_.failed() && from.contains("fields"))
			read_fields(from["fields"]);
		return std::move(probe_);
	}

private:
	void read_place(const json &from)
	{
		const bool is_ioctl = from.contains("ioctl"), is_call = from.contains("call"),
			   is_function = from.contains("function");
		if (is_ioctl + is_call + is_function != 1)
			in_.fail(path_, "has one of \"ioctl\", \"call\" and \"function\"");
		else if (is_ioctl)
			read_requests(from);
		else if (is_call)
			read_call(from);
		else
			read_function(from);
	}

	void read_requests(const json &from)
	{
		probe_.kind = DriverProbe::Kind::ioctl;
		if (from["ioctl"] == json("any"))
			return;
		const std::vector<std::string> texts = in_.strings_in(from, "ioctl", path_);
		if (texts.size() > kMostRequests)
			in_.fail(path_, fmt::format("\"ioctl\" has {} numbers at most", kMostRequests));
		for (const std::string &text : texts) {
			uint32_t request = 0;
			const char *end = text.data() + text.size();
			if (!text.starts_with("0x") || text.size() < 3 ||
			    std::from_chars(text.data() + 2, end, request, 16) != std::from_chars_result{end, {}})
				in_.fail(path_, fmt::format("\"{}\" is no number such as 0xc0186441", text));
			if (!probe_.requests.empty() && ioctl_bytes(request) != ioctl_bytes(probe_.requests.front()))
				in_.fail(path_, "ioctls of one probe have arguments of one size");
			probe_.requests.push_back(request);
		}
		if (!in_.failed())
			probe_.argument_bytes =
				std::min<uint32_t>(ioctl_bytes(probe_.requests.front()), NP_MOST_ARGUMENT_BYTES);
	}

	void read_call(const json &from)
	{
		const std::string call = in_.string_in(from, "call", path_, false);
		if (!in_.failed() && call != "read" && call != "write")
			in_.fail(path_, "\"call\" is read or write", &from["call"]);
		probe_.kind = call == "read" ? DriverProbe::Kind::read : DriverProbe::Kind::write;
	}

	void read_function(const json &from)
	{
		probe_.kind = DriverProbe::Kind::function;
		probe_.function = in_.string_in(from, "function", path_, false);
		if (!in_.failed() && !is_kernel_name(probe_.function))
			in_.fail(path_, "\"function\" is no name of a function of the kernel", &from["function"]);
	}

	void read_pointer(const json &from)
	{
		probe_.pointer_at = number_in(from, "pointer_at", path_, NP_MOST_ARGUMENT_BYTES);
		has_pointer_ = true;
		if (!in_.failed() && probe_.pointer_at + 8 > probe_.argument_bytes)
			in_.fail(path_, "\"pointer_at\" is not in what the ioctl's argument points to");
	}

	void read_fields(const json &fields)
	{
		if (!fields.is_object() || fields.empty() || fields.size() > kMostFields)
			return in_.fail(path_,
					fmt::format("\"fields\" must be an object of 1 to {} fields", kMostFields));
		for (const auto &[name, from] : fields.items())
			probe_.fields.push_back(read_field(name, from, path_ + ".fields." + name));
	}

	EventField read_field(const std::string &name, const json &from, const std::string &path)
	{
		EventField field;
		field.name = name;
		if (!is_kernel_name(name))
			in_.fail(path, fmt::format("\"{}\" is no name of a field", name));
		in_.allow(from, path, {"type", "at", "argument", "pointed", "given"});
		if (in_.failed())
			return field;
		const std::string type = in_.string_in(from, "type", path, true);
		read_type(type.empty() ? "u64" : type, path, &field);
		if (from.contains("argument") == from.contains("at"))
			in_.fail(path, "has either \"at\" or \"argument\"");
		if (in_.failed())
			return field;
		if (from.contains("argument"))
			field.offset = argument_in(from, path);
		else
			field.offset = part_in(from, path, field.size);
		return field;
	}

	uint32_t argument_in(const json &from, const std::string &path)
	{
		const uint32_t number = number_in(from, "argument", path, NP_PROBE_ARGUMENTS);
		if (!in_.failed() && (number == 0 || from.contains("pointed") || from.contains("given")))
			in_.fail(path,
				 fmt::format("\"argument\" is from 1 to {}, and nothing else", NP_PROBE_ARGUMENTS));
		return in_.failed() ? 0 : offset_of_argument(number);
	}

	uint32_t part_in(const json &from, const std::string &path, uint32_t size)
	{
		const bool pointed = from.contains("pointed");
		if (pointed && (from["pointed"] != json(true) || !has_pointer_))
			in_.fail(path, "\"pointed\" is true, of a probe that has \"pointer_at\"");
		const bool given = from.contains("given");
		if (given && (from["given"] != json(true) || pointed))
			in_.fail(path, "\"given\" is true, and not with \"pointed\"");
		const uint32_t most = pointed ? NP_MOST_POINTED_BYTES
				      : given ? std::min<uint32_t>(probe_.argument_bytes, NP_GIVEN_BYTES)
					      : probe_.argument_bytes;
		const uint32_t at = number_in(from, "at", path, NP_MOST_ARGUMENT_BYTES);
		if (!in_.failed() && at + size > most)
			in_.fail(path, fmt::format("lies behind the {} bytes that there are", most));
		if (pointed)
			probe_.pointed_bytes = std::max(probe_.pointed_bytes, at + size);
		return pointed ? offset_in_pointed(at) : given ? offset_in_given(at) : offset_in_argument(at);
	}

	void read_type(const std::string &type, const std::string &path, EventField *field)
	{
		const auto *known = std::find_if(std::begin(kTypes), std::end(kTypes),
						 [&](const auto &entry) { return entry.first == type; });
		if (known == std::end(kTypes))
			return in_.fail(path, "\"type\" is u8, u16, u32, u64, s8, s16, s32 or s64");
		field->type = type;
		field->size = known->second;
		field->is_signed = type.front() == 's';
	}

	uint32_t number_in(const json &from, const char *key, const std::string &path, uint32_t most)
	{
		const json &value = from[key];
		if (value.is_number_unsigned() && value.get<uint64_t>() <= most)
			return value.get<uint32_t>();
		in_.fail(path, fmt::format("\"{}\" must be a number from 0 to {}", key, most));
		return 0;
	}

	std::string path_;
	JsonDescription &in_;
	DriverProbe probe_;
	bool has_pointer_ = false;
};

} // namespace

bool is_kernel_name(std::string_view name)
{
	return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
		return std::isalnum(c) != 0 || c == '_' || c == '-';
	});
}

std::vector<DriverProbe> read_driver_probes(const json &probes, JsonDescription *description)
{
	std::vector<DriverProbe> read;
	if (!probes.is_object() || probes.empty() || probes.size() > kMostProbes)
		description->fail("probes", fmt::format("must be an object of 1 to {} probes", kMostProbes));
	if (description->failed())
		return read;
	for (const auto &[name, from] : probes.items()) {
		if (!is_kernel_name(name))
			description->fail("probes", fmt::format("\"{}\" is no name of a probe", name));
		read.push_back(ProbeReader("probes." + name, description).read(name, from));
	}
	return read;
}

} // namespace neuroperf::recording
