// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_match.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostFunctions = 20'000; // of one place
constexpr std::size_t kCodeBytes = 512;        // of a function whose size nobody knows

std::vector<CodePlace> functions_of(const PlaceSearch &search, const CodeIndex &file)
{
	switch (search.how) {
	case PlaceSearch::How::exported:
		return file.exported(search.pattern);
	case PlaceSearch::How::symbol:
		return file.any(search.pattern);
	case PlaceSearch::How::virtual_slot:
		return file.virtual_slot(search.pattern, search.slot);
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

Result<FoundFunction> place_in(const CodePlace &code, const RuntimePlace &place, const CodeIndex &file,
			       bool wide_nops_are_calls)
{
	const std::string bytes = file.code(code.offset, code.size ? std::min<uint64_t>(code.size, 4096) : kCodeBytes);
	const std::span<const uint8_t> view(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
	ProbeWish wish;
	wish.live_arguments = place.arguments();
	wish.wide_nops_are_calls = wish.wide_nops_are_emulated = wide_nops_are_calls;
	const auto entry = place_where_stack_is_known(file.machine(), view, wish);
	if (!entry.ok())
		return entry.error();
	return FoundFunction{0, code.name, code.offset + entry->offset, entry->pushed_bytes, entry->cost};
}

void find_place(std::size_t index, const RuntimePlace &place, const CodeIndex &file, bool wide_nops_are_calls,
		RuntimeMatch *match)
{
	std::vector<CodePlace> functions = functions_of(place.find, file);
	if (functions.empty())
		match->missing.push_back(index);
	functions.resize(std::min(functions.size(), kMostFunctions));
	for (const CodePlace &code : functions) {
		auto found = place_in(code, place, file, wide_nops_are_calls);
		if (!found.ok()) {
			match->refused.push_back(fmt::format("{}: {}", code.name, found.error().what));
			continue;
		}
		found->place = index;
		match->functions.push_back(std::move(*found));
	}
}

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
	return std::any_of(runtime.files.begin(), runtime.files.end(),
			   [name](const std::string &pattern) { return matches_pattern(name, pattern); });
}

bool is_runtime(const RuntimeDescription &runtime, const CodeIndex &file)
{
	if (!runtime.requires_symbol.empty() && file.any(runtime.requires_symbol).empty())
		return false;
	return runtime.requires_class.empty() || file.has_class(runtime.requires_class);
}

RuntimeMatch match_runtime(const RuntimeDescription &runtime, const CodeIndex &file, bool wide_nops_are_calls)
{
	RuntimeMatch match;
	match.runtime = &runtime;
	for (std::size_t i = 0; i < runtime.places.size(); i++)
		find_place(i, runtime.places[i], file, wide_nops_are_calls, &match);
	return match;
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
