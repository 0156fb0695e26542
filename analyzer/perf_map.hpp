// SPDX-License-Identifier: Apache-2.0
// /tmp/perf-PID.map: the text by which just-in-time compilers (V8, the JVM, CPython, LuaJIT ...) name their code.
//
// One function a line: start and size in hexadecimal, the rest of the line is the name. Anybody may have written it:
// lines that are something else are skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "analyzer/generated_code.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

constexpr std::size_t kMaximumPerfMap = std::size_t{256} << 20;

// Whether a path is that of such a file, as perf names generated code: /tmp/perf-<number>.map. `pid` gets the number.
bool is_perf_map(std::string_view path, uint32_t *pid);

struct PerfMap {
	GeneratedCode code;
	bool complete = true; // false: there were more functions than GeneratedCode keeps
};
PerfMap parse_perf_map(std::string text);

// Looks for the map at `root` + `path`, then where the process `pid` sees it (with the number it has in its own pid
// namespace); the latter only without a `root`, which speaks of another machine. Errors: not_found, io, privilege (the
// owner), format (too large).
Result<PerfMap> read_perf_map(const std::string &path, uint32_t pid, const std::string &root);

} // namespace neuroperf::analyzer
