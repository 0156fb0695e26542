// SPDX-License-Identifier: Apache-2.0
#include "collector/local_definitions.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "collector/clock.hpp"
#include "collector/process_memory.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint32_t kBlock = NP_PROBE_FIRST_CHUNK; // definitions read at a time; chunks are multiples of it
// A definition is unfinished for microseconds; more than a thread each that dies there are made up.
constexpr std::size_t kMostUnfinished = 1024;

std::string text_of(const char *field, std::size_t room)
{
	return {field, ::strnlen(field, room)};
}

} // namespace

bool LocalDefinitions::read_new(std::vector<LocalDefinition> *definitions)
{
	np_probe probe;
	if (!read_process_memory(pid_, address_, &probe, sizeof probe) || probe.magic != NP_PROBE_MAGIC ||
	    probe.version != NP_PROBE_VERSION)
		return false;
	probe_ = probe;
	std::vector<uint32_t> again;
	again.swap(unfinished_);
	for (const uint32_t number : again)
		read_range(number, 1, definitions);
	const uint32_t count = std::min(probe_.definition_count, NP_PROBE_DEFINITIONS);
	while (read_ < count) {
		const uint32_t block = std::min(count - read_, kBlock - read_ % kBlock);
		read_range(read_, block, definitions);
		read_ += block;
	}
	return true;
}

// All in one chunk.
void LocalDefinitions::read_range(uint32_t first, uint32_t count, std::vector<LocalDefinition> *definitions)
{
	const auto chunk = static_cast<unsigned>(std::bit_width(first / NP_PROBE_FIRST_CHUNK + 1)) - 1;
	const uint32_t chunk_first = NP_PROBE_FIRST_CHUNK * ((1u << chunk) - 1);
	np_definition entries[kBlock];
	const bool is_there = probe_.chunks[chunk] != 0;
	if (is_there && !read_process_memory(pid_, probe_.chunks[chunk] + (first - chunk_first) * sizeof(np_definition),
					     entries, count * sizeof(np_definition))) {
		malformed_ += count;
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t state = is_there ? entries[i].state : uint32_t{NP_DEFINITION_EMPTY};
		if (state == NP_DEFINITION_READY)
			read_definition(entries[i], definitions);
		else if (state == NP_DEFINITION_EMPTY && unfinished_.size() < kMostUnfinished)
			unfinished_.push_back(first + i);
		else if (state != NP_DEFINITION_ABANDONED)
			malformed_++;
	}
}

void LocalDefinitions::read_definition(const np_definition &entry, std::vector<LocalDefinition> *definitions)
{
	if (!(entry.hash & NP_HANDLE_LOCAL) || entry.what < NP_DEFINES_LAYER || entry.what > NP_DEFINES_MARK) {
		malformed_++;
		return;
	}
	const auto pid = static_cast<uint32_t>(pid_); // its own number may be of another namespace, or of its parent
	definitions->push_back({entry.hash,
				{0,
				 entry.what,
				 text_of(entry.name, sizeof entry.name),
				 text_of(entry.kind, sizeof entry.kind),
				 entry.neurons,
				 entry.synapses,
				 entry.macs,
				 entry.parameters,
				 {pid, pid, monotonic_now_ns(), 0, 0}}});
}

} // namespace neuroperf::collector
