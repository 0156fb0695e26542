// SPDX-License-Identifier: Apache-2.0
// The kernel's records about tasks and mappings, told to Threads: COMM, FORK, MMAP, MMAP2, KSYMBOL.
#pragma once

#include <optional>

#include "analyzer/threads.hpp"
#include "analyzer/time_order.hpp"

namespace neuroperf::analyzer {

// A MMAP or MMAP2 record, taken apart. Views point into the record.
struct MapRecord {
	NewMapping mapping;
	bool executable = false;
	bool kernel = false;
};
bool parse_map(const OrderedRecord &record, MapRecord *map); // false: shorter than it says

struct CommRecord {
	uint32_t pid = 0, tid = 0;
	std::string_view name;
	bool exec = false;
};
bool parse_comm(const OrderedRecord &record, CommRecord *comm);

enum class Followed { yes, not_about_tasks, damaged };
Followed follow(const OrderedRecord &record, Threads *threads);

// Where the kernel's _text was, of the record that maps the kernel.
std::optional<uint64_t> kernel_text_of(const OrderedRecord &record);

// Gives `threads` the build ids that the recording lists.
void take_build_ids(const recording::PerfDataReader &reader, Threads *threads);

} // namespace neuroperf::analyzer
