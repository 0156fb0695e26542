// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_match.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "collector/array_elements.hpp"
#include "collector/function_body.hpp"
#include "collector/name_pattern.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostFunctions = 20'000; // of one place
constexpr std::size_t kMostFunctionsOfEach = 64;
constexpr std::size_t kMostCallers = 100; // of one pattern
constexpr std::size_t kCodeBytes = 512;   // of a function whose size nobody knows
constexpr std::size_t kMostEntryBytes = 4096, kMostBodyBytes = 256 << 10;

std::vector<CodePlace> functions_of(const PlaceSearch &search, const CodeIndex &file)
{
	switch (search.how) {
	case PlaceSearch::How::exported:
		return file.exported(search.pattern);
	case PlaceSearch::How::symbol:
		return file.any(search.pattern);
	case PlaceSearch::How::virtual_slot:
		return file.virtual_slot(search.pattern, search.slots.front());
	case PlaceSearch::How::table:
		if (auto found = file.in_table(search.pattern, search.slots))
			return {std::move(*found)};
	}
	return {};
}

// By the stack pointer, ends of calls find their begins.
Result<ProbePoint> place_where_stack_is_known(uint16_t machine, std::span<const uint8_t> code, ProbeWish wish)
{
	auto point = place_probe(machine, code, wish);
	if (point.ok() && point->pushed_bytes == kPushedUnknown) {
		wish.for_return = true;
		point = place_probe(machine, code, wish);
	}
	return point;
}

uint32_t tells_of(const np_place &place)
{
	const bool shape = place.shape.from != NP_READ_NOTHING;
	const bool names = shape || place.name.from != NP_READ_NOTHING || place.kind.from != NP_READ_NOTHING;
	uint32_t tells = 0;
	tells |= place.identity.from != NP_READ_NOTHING ? uint32_t{NP_TELLS_IDENTITY} : 0;
	tells |= names ? uint32_t{NP_TELLS_NAMES} : 0;
	tells |= shape ? uint32_t{NP_TELLS_SHAPE} : 0;
	tells |= place.value.from != NP_READ_NOTHING ? uint32_t{NP_TELLS_COUNT} : 0;
	return tells;
}

// What lies behind what the identity is needs not be followed to once more: reads are most of what a hit costs.
void start_at_identity(const np_read &identity, np_read *read)
{
	const bool is_pointer = identity.steps == 0 || identity.last_size == 8;
	if (read == &identity || identity.from == NP_READ_NOTHING || identity.from == NP_READ_CONSTANT || !is_pointer ||
	    read->from != identity.from || read->steps < identity.steps || read->index_scale != 0 ||
	    !std::equal(identity.offsets, identity.offsets + identity.steps, read->offsets) ||
	    (read->steps == identity.steps && read->steps > 0 && read->last_size != 8))
		return;
	np_read rest{};
	rest.from = NP_READ_IDENTITY;
	rest.as = read->as;
	rest.steps = static_cast<uint8_t>(read->steps - identity.steps);
	rest.last_size = rest.steps > 0 ? read->last_size : 0;
	rest.add = read->add;
	std::copy(read->offsets + identity.steps, read->offsets + read->steps, rest.offsets);
	const int64_t first = (rest.steps > 0 ? rest.offsets[0] : rest.add) - identity.add;
	if (rest.steps > 0 && (first < INT32_MIN || first > INT32_MAX))
		return;
	if (rest.steps > 0)
		rest.offsets[0] = static_cast<int32_t>(first);
	else
		rest.add = first;
	*read = rest;
}

class Matcher {
public:
	Matcher(const RuntimeDescription &runtime, const CodeIndex &file, bool wide_nops_are_calls)
		: file_(file), wide_nops_are_calls_(wide_nops_are_calls)
	{
		match_.runtime = &runtime;
	}

	RuntimeMatch match()
	{
		for (std::size_t i = 0; i < match_.runtime->places.size(); i++)
			find_place(i, match_.runtime->places[i]);
		for (const std::string &pattern : match_.runtime->callers)
			find_calls(pattern);
		return std::move(match_);
	}

private:
	using Bytes = std::span<const uint8_t>;

	void find_place(std::size_t index, const RuntimePlace &place)
	{
		std::vector<CodePlace> functions = functions_of(place.find, file_);
		functions.resize(
			std::min(functions.size(), place.each.given() ? kMostFunctionsOfEach : kMostFunctions));
		bool found = false;
		for (const CodePlace &code : functions) {
			ArrayElements read = read_at(place, code);
			std::erase_if(read.elements, [&](const ArrayElement &one) { return !is_meant(place, one); });
			found |= !read.elements.empty() || !read.refused.empty();
			const auto added = add_function(index, place, code, read.elements);
			if (!added.ok())
				match_.refused.push_back(fmt::format("{}: {}", code.name, added.error().what));
			match_.uncounted.insert(match_.uncounted.end(), read.refused.begin(), read.refused.end());
		}
		if (!found && place.optional)
			match_.not_there++;
		else if (!found)
			match_.missing.push_back(index);
	}

	// Of most places once, whatever there is in the file.
	ArrayElements read_at(const RuntimePlace &place, const CodePlace &code) const
	{
		return place.each.given() ? elements_of(place.each, file_, code.captured)
					  : ArrayElements{{{0, code.captured}}, {}};
	}

	// A pattern may find functions beside those whose data the description names.
	bool is_meant(const RuntimePlace &place, const ArrayElement &element) const
	{
		for (const ValueExpression *value : place.reads.all())
			for (const FileReference &reference : value->references)
				if (reference.what != FileReference::What::element &&
				    !file_.data(filled_in(reference.symbol, element.captured)))
					return false;
		return true;
	}

	Status add_function(std::size_t index, const RuntimePlace &place, const CodePlace &code,
			    const std::vector<ArrayElement> &elements)
	{
		if (elements.empty())
			return Done{};
		const auto points = place.at_exit ? at_exits(code) : at_entry(code, place);
		if (!points.ok())
			return points.error();
		for (const ArrayElement &element : elements)
			for (const ProbePoint &point : *points) {
				const uint64_t offset = code.offset + point.offset;
				const auto reads =
					place_of(index, place, element, file_.address_of(offset).value_or(0));
				if (!reads.ok())
					return reads.error();
				// The first pays for the trap, which all elements share.
				const bool pays = &element == &elements.front();
				match_.functions.push_back({index, *reads, code.name, element.captured, offset,
							    static_cast<uint32_t>(point.pushed_bytes),
							    pays ? point.cost : ProbeCost::emulated, code.offset,
							    code.address, code.slots});
			}
		return Done{};
	}

	Result<std::vector<ProbePoint>> at_entry(const CodePlace &code, const RuntimePlace &place)
	{
		const std::string bytes = code_of(code, kMostEntryBytes);
		ProbeWish wish;
		wish.live_arguments = place.arguments();
		wish.wide_nops_are_calls = wish.wide_nops_are_emulated = wide_nops_are_calls_;
		auto point = place_where_stack_is_known(file_.machine(), view(bytes), wish);
		if (!point.ok())
			return point.error();
		return std::vector<ProbePoint>{std::move(*point)};
	}

	// Whatever the instruction costs: a return is not emulated.
	Result<std::vector<ProbePoint>> at_exits(const CodePlace &code)
	{
		if (code.size == 0 || code.size > kMostBodyBytes)
			return Error{ErrorCode::not_found, "where it ends is not known", 0, ""};
		const std::string bytes = code_of(code, kMostBodyBytes);
		const auto exits = exits_of(file_.machine(), code.offset, view(bytes),
					    [&](uint64_t offset) { return part_at(offset); });
		if (!exits.ok())
			return exits.error();
		std::vector<ProbePoint> points;
		for (const uint64_t offset : *exits) // some lie in front of the function
			points.push_back({offset - code.offset, ProbeCost::stepped, 0, "ret"});
		return points;
	}

	std::optional<CodePart> part_at(uint64_t offset) const
	{
		auto part = file_.continued_part(offset);
		return part && part->code.size() <= kMostBodyBytes ? std::move(part) : std::nullopt;
	}

	// Most places are read alike in all their functions.
	Result<std::size_t> place_of(std::size_t index, const RuntimePlace &place, const ArrayElement &element,
				     uint64_t probe_address)
	{
		const auto value_of = [&](const FileReference &reference) -> std::optional<int64_t> {
			if (reference.what == FileReference::What::element)
				return static_cast<int64_t>(element.address);
			const auto symbol = file_.data(filled_in(reference.symbol, element.captured));
			if (!symbol)
				return std::nullopt;
			if (reference.what == FileReference::What::address)
				return static_cast<int64_t>(symbol->offset);
			return file_.constant_at(symbol->offset);
		};
		FoundPlace found;
		found.place = index;
		np_read *const to[] = {&found.reads.identity, &found.reads.value, &found.reads.summed,
				       &found.reads.name,     &found.reads.kind,  &found.reads.index[0],
				       &found.reads.index[1], &found.reads.shape, &found.reads.shape_count};
		bool of_file = false;
		const auto expressions = place.reads.all();
		for (std::size_t i = 0; i < expressions.size(); i++) {
			const auto read = resolve(*expressions[i], value_of);
			if (!read.ok())
				return read.error();
			*to[i] = *read;
			of_file |= read->from == NP_READ_FILE;
		}
		for (np_read *read : to)
			start_at_identity(found.reads.identity, read);
		found.reads.tells =
			place.means == PlaceMeans::renewal ? uint32_t{NP_RENEWS_NAMES} : tells_of(found.reads);
		found.reads.names_stay_ns = place.names_stay_us * 1000;
		found.reads.shape_size = place.reads.shape_size;
		found.reads.element_bytes = place.reads.element_bytes;
		found.reads.probe_address = of_file ? probe_address : 0;
		for (std::size_t i = match_.places.size(); i-- > 0 && match_.places[i].place == index;)
			if (std::memcmp(&match_.places[i].reads, &found.reads, sizeof found.reads) == 0)
				return i;
		match_.places.push_back(found);
		return match_.places.size() - 1;
	}

	void find_calls(const std::string &pattern)
	{
		std::vector<CodePlace> callers = file_.any(pattern);
		callers.resize(std::min(callers.size(), kMostCallers));
		for (const CodePlace &caller : callers) {
			if (caller.size == 0 || caller.size > kMostBodyBytes)
				continue;
			const std::string bytes = code_of(caller, kMostBodyBytes);
			const auto places = behind_calls_of(file_.machine(), view(bytes));
			for (const uint64_t offset : places.ok() ? *places : std::vector<uint64_t>{})
				match_.behind_calls.push_back(caller.offset + offset);
		}
	}

	std::string code_of(const CodePlace &code, std::size_t most) const
	{
		return file_.code(code.offset, code.size ? std::min<uint64_t>(code.size, most) : kCodeBytes);
	}
	static Bytes view(const std::string &bytes)
	{
		return {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()};
	}

	const CodeIndex &file_;
	bool wide_nops_are_calls_;
	RuntimeMatch match_;
};

} // namespace

std::size_t RuntimeMatch::with_cost(ProbeCost cost) const
{
	return static_cast<std::size_t>(std::count_if(functions.begin(), functions.end(),
						      [cost](const FoundFunction &one) { return one.cost == cost; }));
}

bool may_be(const RuntimeDescription &runtime, std::string_view path)
{
	constexpr std::string_view kDeleted = " (deleted)";
	if (path.ends_with(kDeleted))
		path.remove_suffix(kDeleted.size());
	const std::string_view name = path.substr(path.rfind('/') + 1);
	const auto is_one_of = [name](const std::vector<std::string> &patterns) {
		return std::any_of(patterns.begin(), patterns.end(),
				   [name](const std::string &pattern) { return NamePattern(pattern).matches(name); });
	};
	return is_one_of(runtime.files) && !is_one_of(runtime.excepted_files);
}

bool is_runtime(const RuntimeDescription &runtime, const CodeIndex &file)
{
	if (!runtime.requires_symbol.empty() && file.any(runtime.requires_symbol).empty() &&
	    !file.data(runtime.requires_symbol))
		return false;
	return runtime.requires_class.empty() || file.has_class(runtime.requires_class);
}

RuntimeMatch match_runtime(const RuntimeDescription &runtime, const CodeIndex &file, bool wide_nops_are_calls)
{
	return Matcher(runtime, file, wide_nops_are_calls).match();
}

Result<ProbePoint> place_behind_call(std::span<const uint8_t> code, bool wide_nops_are_calls)
{
#if defined(__x86_64__)
	constexpr uint16_t kMachine = EM_X86_64;
#else
	constexpr uint16_t kMachine = EM_AARCH64;
#endif
	ProbeWish wish;
	wish.behind_call = true;
	wish.wide_nops_are_calls = wish.wide_nops_are_emulated = wide_nops_are_calls;
	return place_where_stack_is_known(kMachine, code, wish);
}

} // namespace neuroperf::collector
