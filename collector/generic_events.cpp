// SPDX-License-Identifier: Apache-2.0
#include "collector/generic_events.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>

namespace neuroperf::collector {
namespace {

struct Symbol {
	const char *name;
	GenericEvent event;
};

constexpr GenericEvent hardware(uint64_t config)
{
	return {PERF_TYPE_HARDWARE, config};
}

constexpr GenericEvent software(uint64_t config)
{
	return {PERF_TYPE_SOFTWARE, config};
}

constexpr Symbol kSymbols[] = {
	{"cycles", hardware(PERF_COUNT_HW_CPU_CYCLES)},
	{"cpu-cycles", hardware(PERF_COUNT_HW_CPU_CYCLES)},
	{"instructions", hardware(PERF_COUNT_HW_INSTRUCTIONS)},
	{"cache-references", hardware(PERF_COUNT_HW_CACHE_REFERENCES)},
	{"cache-misses", hardware(PERF_COUNT_HW_CACHE_MISSES)},
	{"branches", hardware(PERF_COUNT_HW_BRANCH_INSTRUCTIONS)},
	{"branch-instructions", hardware(PERF_COUNT_HW_BRANCH_INSTRUCTIONS)},
	{"branch-misses", hardware(PERF_COUNT_HW_BRANCH_MISSES)},
	{"bus-cycles", hardware(PERF_COUNT_HW_BUS_CYCLES)},
	{"stalled-cycles-frontend", hardware(PERF_COUNT_HW_STALLED_CYCLES_FRONTEND)},
	{"idle-cycles-frontend", hardware(PERF_COUNT_HW_STALLED_CYCLES_FRONTEND)},
	{"stalled-cycles-backend", hardware(PERF_COUNT_HW_STALLED_CYCLES_BACKEND)},
	{"idle-cycles-backend", hardware(PERF_COUNT_HW_STALLED_CYCLES_BACKEND)},
	{"ref-cycles", hardware(PERF_COUNT_HW_REF_CPU_CYCLES)},
	{"cpu-clock", software(PERF_COUNT_SW_CPU_CLOCK)},
	{"task-clock", software(PERF_COUNT_SW_TASK_CLOCK)},
	{"page-faults", software(PERF_COUNT_SW_PAGE_FAULTS)},
	{"faults", software(PERF_COUNT_SW_PAGE_FAULTS)},
	{"minor-faults", software(PERF_COUNT_SW_PAGE_FAULTS_MIN)},
	{"major-faults", software(PERF_COUNT_SW_PAGE_FAULTS_MAJ)},
	{"context-switches", software(PERF_COUNT_SW_CONTEXT_SWITCHES)},
	{"cs", software(PERF_COUNT_SW_CONTEXT_SWITCHES)},
	{"cpu-migrations", software(PERF_COUNT_SW_CPU_MIGRATIONS)},
	{"migrations", software(PERF_COUNT_SW_CPU_MIGRATIONS)},
	{"alignment-faults", software(PERF_COUNT_SW_ALIGNMENT_FAULTS)},
	{"emulation-faults", software(PERF_COUNT_SW_EMULATION_FAULTS)},
	{"dummy", software(PERF_COUNT_SW_DUMMY)},
	{"bpf-output", software(PERF_COUNT_SW_BPF_OUTPUT)},
	{"cgroup-switches", software(PERF_COUNT_SW_CGROUP_SWITCHES)},
};

struct CacheWord {
	const char *name; // the first of an id is the usual one
	unsigned id;
};

constexpr CacheWord kCaches[] = {
	{"L1-dcache", PERF_COUNT_HW_CACHE_L1D}, {"l1-d", PERF_COUNT_HW_CACHE_L1D},
	{"l1d", PERF_COUNT_HW_CACHE_L1D},       {"L1-data", PERF_COUNT_HW_CACHE_L1D},
	{"L1-icache", PERF_COUNT_HW_CACHE_L1I}, {"l1-i", PERF_COUNT_HW_CACHE_L1I},
	{"l1i", PERF_COUNT_HW_CACHE_L1I},       {"L1-instruction", PERF_COUNT_HW_CACHE_L1I},
	{"LLC", PERF_COUNT_HW_CACHE_LL},        {"L2", PERF_COUNT_HW_CACHE_LL},
	{"dTLB", PERF_COUNT_HW_CACHE_DTLB},     {"d-tlb", PERF_COUNT_HW_CACHE_DTLB},
	{"Data-TLB", PERF_COUNT_HW_CACHE_DTLB}, {"iTLB", PERF_COUNT_HW_CACHE_ITLB},
	{"i-tlb", PERF_COUNT_HW_CACHE_ITLB},    {"Instruction-TLB", PERF_COUNT_HW_CACHE_ITLB},
	{"branch", PERF_COUNT_HW_CACHE_BPU},    {"bpu", PERF_COUNT_HW_CACHE_BPU},
	{"btb", PERF_COUNT_HW_CACHE_BPU},       {"bpc", PERF_COUNT_HW_CACHE_BPU},
	{"node", PERF_COUNT_HW_CACHE_NODE},
};

constexpr CacheWord kOperations[] = {
	{"loads", PERF_COUNT_HW_CACHE_OP_READ},
	{"load", PERF_COUNT_HW_CACHE_OP_READ},
	{"read", PERF_COUNT_HW_CACHE_OP_READ},
	{"stores", PERF_COUNT_HW_CACHE_OP_WRITE},
	{"store", PERF_COUNT_HW_CACHE_OP_WRITE},
	{"write", PERF_COUNT_HW_CACHE_OP_WRITE},
	{"prefetches", PERF_COUNT_HW_CACHE_OP_PREFETCH},
	{"prefetch", PERF_COUNT_HW_CACHE_OP_PREFETCH},
	{"speculative-read", PERF_COUNT_HW_CACHE_OP_PREFETCH},
	{"speculative-load", PERF_COUNT_HW_CACHE_OP_PREFETCH},
};

constexpr CacheWord kResults[] = {
	{"refs", PERF_COUNT_HW_CACHE_RESULT_ACCESS}, {"Reference", PERF_COUNT_HW_CACHE_RESULT_ACCESS},
	{"ops", PERF_COUNT_HW_CACHE_RESULT_ACCESS},  {"access", PERF_COUNT_HW_CACHE_RESULT_ACCESS},
	{"misses", PERF_COUNT_HW_CACHE_RESULT_MISS}, {"miss", PERF_COUNT_HW_CACHE_RESULT_MISS},
};

// Instruction caches are not written, and instruction TLBs and branch predictors are only read.
bool is_possible(unsigned cache, unsigned operation)
{
	if (cache == PERF_COUNT_HW_CACHE_L1I)
		return operation != PERF_COUNT_HW_CACHE_OP_WRITE;
	if (cache == PERF_COUNT_HW_CACHE_ITLB || cache == PERF_COUNT_HW_CACHE_BPU)
		return operation == PERF_COUNT_HW_CACHE_OP_READ;
	return true;
}

// Takes a word of the table, whole up to the end or a '-', off the front of the text.
template <std::size_t N> std::optional<unsigned> take_word(const CacheWord (&words)[N], std::string_view *text)
{
	for (const CacheWord &word : words) {
		const std::string_view name = word.name;
		if (!text->starts_with(name) || (text->size() > name.size() && (*text)[name.size()] != '-'))
			continue;
		text->remove_prefix(name.size());
		return word.id;
	}
	return std::nullopt;
}

// cache[-operation][-result], the two in either order: a load and an access unless they say otherwise.
std::optional<GenericEvent> find_cache_event(std::string_view text)
{
	const std::optional<unsigned> cache = take_word(kCaches, &text);
	if (!cache)
		return std::nullopt;
	std::optional<unsigned> operation, result;
	while (!text.empty()) {
		text.remove_prefix(1); // the '-'
		if (const auto word = operation ? std::nullopt : take_word(kOperations, &text))
			operation = word;
		else if (const auto other = result ? std::nullopt : take_word(kResults, &text))
			result = other;
		else
			return std::nullopt;
	}
	if (operation && !is_possible(*cache, *operation))
		return std::nullopt;
	return GenericEvent{PERF_TYPE_HW_CACHE,
			    *cache | operation.value_or(PERF_COUNT_HW_CACHE_OP_READ) << 8 |
				    uint64_t{result.value_or(PERF_COUNT_HW_CACHE_RESULT_ACCESS)} << 16};
}

} // namespace

std::optional<GenericEvent> find_generic_event(std::string_view name)
{
	for (const Symbol &symbol : kSymbols)
		if (name == symbol.name)
			return symbol.event;
	return find_cache_event(name);
}

std::vector<std::string> generic_event_names()
{
	std::vector<std::string> names;
	for (const Symbol &symbol : kSymbols)
		names.push_back(symbol.name);
	for (const char *cache : {"L1-dcache", "L1-icache", "LLC", "dTLB", "iTLB", "branch", "node"})
		for (const char *rest :
		     {"loads", "load-misses", "stores", "store-misses", "prefetches", "prefetch-misses"})
			if (std::string name = fmt::format("{}-{}", cache, rest); find_generic_event(name))
				names.push_back(std::move(name));
	return names;
}

} // namespace neuroperf::collector
