// SPDX-License-Identifier: Apache-2.0
#include "collector/pmu_folder.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "collector/kernel_files.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMaxFields = 1000;

template <typename T> std::optional<T> take_number(std::string_view *text)
{
	T number{};
	const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), number);
	if (error != std::errc{})
		return std::nullopt;
	text->remove_prefix(static_cast<std::size_t>(stop - text->data()));
	return number;
}

bool take(std::string_view wanted, std::string_view *text)
{
	if (!text->starts_with(wanted))
		return false;
	text->remove_prefix(wanted.size());
	return true;
}

// Files beside an event that say something about it.
bool describes_an_event(std::string_view name)
{
	return name.ends_with(".unit") || name.ends_with(".scale") || name.ends_with(".per-pkg") ||
	       name.ends_with(".snapshot");
}

std::vector<std::string> events_in(const std::string &pmu_path)
{
	std::vector<std::string> names = folder_names(pmu_path + "/events");
	std::erase_if(names, describes_an_event);
	return names;
}

// As perf compares the names of events.
std::string find_name(const std::vector<std::string> &names, std::string_view wanted)
{
	const std::string text(wanted);
	for (const std::string &name : names)
		if (::strcasecmp(name.c_str(), text.c_str()) == 0)
			return name;
	return "";
}

Result<std::vector<EventTerm>> read_terms(const std::string &path)
{
	Result<std::string> text = read_kernel_file(path);
	if (!text.ok())
		return text.error();
	return split_terms(without_blanks(*text));
}

} // namespace

uint64_t PmuField::max_value() const
{
	const int bits = std::popcount(mask);
	return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

uint64_t PmuField::place(uint64_t value) const
{
	uint64_t placed = 0;
	for (uint64_t rest = mask; rest != 0; rest &= rest - 1, value >>= 1)
		if (value & 1)
			placed |= rest & -rest;
	return placed;
}

std::optional<PmuField> parse_pmu_field(std::string_view text)
{
	text = without_blanks(text);
	PmuField field;
	if (!take("config", &text))
		return std::nullopt;
	field.word = take_number<unsigned>(&text).value_or(0);
	if (field.word > 2 || !take(":", &text))
		return std::nullopt;
	do {
		const std::optional<unsigned> first = take_number<unsigned>(&text);
		const std::optional<unsigned> last = take("-", &text) ? take_number<unsigned>(&text) : first;
		if (!first || !last || *first > *last || *last > 63)
			return std::nullopt;
		for (unsigned bit = *first; bit <= *last; bit++)
			field.mask |= uint64_t{1} << bit;
	} while (take(",", &text));
	if (!text.empty())
		return std::nullopt;
	return field;
}

std::vector<std::string> PmuFolder::list(const std::string &devices)
{
	return folder_names(devices);
}

Result<PmuFolder> PmuFolder::open(const std::string &devices, const std::string &name)
{
	PmuFolder pmu;
	pmu.name_ = name;
	pmu.path_ = devices + "/" + name;
	Result<std::string> type = read_kernel_file(pmu.path_ + "/type");
	if (!type.ok())
		return type.error();
	std::string_view type_text = without_blanks(*type);
	const std::optional<uint32_t> number = take_number<uint32_t>(&type_text);
	if (!number || !type_text.empty())
		return Error{ErrorCode::format, fmt::format("{}/type holds no number", pmu.path_), 0, ""};
	pmu.type_ = *number;
	for (const std::string &field_name : folder_names(pmu.path_ + "/format")) {
		const Result<std::string> text = read_kernel_file(pmu.path_ + "/format/" + field_name);
		const std::optional<PmuField> field = text.ok() ? parse_pmu_field(*text) : std::nullopt;
		if (field && pmu.fields_.size() < kMaxFields)
			pmu.fields_.emplace(field_name, *field);
	}
	pmu.aliases_ = events_in(pmu.path_);
	for (const char *file : {"/cpumask", "/cpus"}) {
		const Result<std::string> text = read_kernel_file(pmu.path_ + file, 65536);
		if (text.ok() && pmu.cpus_.empty())
			pmu.cpus_ = parse_cpus(*text);
	}
	return pmu;
}

const PmuField *PmuFolder::find_field(std::string_view name) const
{
	const auto found = fields_.find(name);
	return found == fields_.end() ? nullptr : &found->second;
}

std::vector<std::string> PmuFolder::field_names() const
{
	std::vector<std::string> names;
	for (const auto &[name, field] : fields_)
		names.push_back(name);
	return names;
}

bool PmuFolder::names_event(const std::string &devices, const std::string &pmu, const std::string &event)
{
	return !find_name(events_in(devices + "/" + pmu), event).empty();
}

std::string PmuFolder::find_alias_name(std::string_view name) const
{
	return find_name(aliases_, name);
}

Result<PmuAlias> PmuFolder::read_alias(const std::string &name) const
{
	const std::string path = path_ + "/events/" + name;
	Result<std::vector<EventTerm>> terms = read_terms(path);
	if (!terms.ok())
		return Error{terms.error().code,
			     fmt::format("cannot read the event {} of PMU {}: {}", name, name_, terms.error().what),
			     terms.error().system_errno, terms.error().hint};
	PmuAlias alias;
	alias.terms = std::move(*terms);
	if (const Result<std::string> unit = read_kernel_file(path + ".unit"); unit.ok())
		alias.unit = without_blanks(*unit);
	if (const Result<std::string> scale = read_kernel_file(path + ".scale"); scale.ok()) {
		std::string_view text = without_blanks(*scale);
		alias.scale = take_number<double>(&text).value_or(1);
	}
	return alias;
}

} // namespace neuroperf::collector
