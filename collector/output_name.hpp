// SPDX-License-Identifier: Apache-2.0
// Values of options as users write them: names of recordings with placeholders, sizes and times.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "recording/result.hpp"

namespace neuroperf::collector {

struct OutputNameFacts {
	pid_t pid = 0; // of the program, or of the recorder where there is none
	std::string hostname;
	// Value of a variable of the environment, null without; tests have their own.
	std::function<const char *(const char *)> environment;
};
OutputNameFacts output_name_facts(pid_t pid); // with this machine's name and environment

// The rank in an MPI or Slurm job, as its launcher says; empty where there is none.
std::string job_rank(const OutputNameFacts &facts);

// "run.%h.%r.%p.data" -> "run.node7.3.4711.data": %p process, %h host, %r rank in an MPI or Slurm job, %% a percent
// sign. Values are one part of a path each: slashes in them become dashes.
Result<std::string> expand_output_name(std::string_view pattern, const OutputNameFacts &facts);

// "4096", "64K", "1M", "2G": bytes; K is 1024, as in perf. Lower case and a B behind it are fine.
Result<uint64_t> parse_size(std::string_view text);

// "10s", "500ms", "250us", "2m", "1h": nanoseconds. The unit is needed.
Result<uint64_t> parse_duration_ns(std::string_view text);

} // namespace neuroperf::collector
