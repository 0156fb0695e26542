// SPDX-License-Identifier: Apache-2.0
// jitdump files (jit-PID.dump): what just-in-time compilers say about their code, with times, in a binary form.
//
// Little endian, version 1; read record by record, the code itself is skipped. Bounded: names longer than
// GeneratedCode's bound and what follows kMaximumLoads are left out, and `complete` says so.
//
//     header  u32 magic "JiTD", version, total size, ELF machine, 0, pid; u64 time, flags
//     record  u32 kind, total size; u64 time; then for
//       load (0)  u32 pid, tid; u64 vma, code address, code size, code index; name, NUL; the code
//       move (1)  u32 pid, tid; u64 vma, old address, new address, code size, code index
//     other kinds (lines, unwinding, closing) are skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/generated_code.hpp"
#include "analyzer/regular_file.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

struct JitLoad {
	uint64_t timestamp = 0; // of the clock that the compiler used, CLOCK_MONOTONIC as a rule
	uint32_t pid = 0;       // as the program sees itself
	uint64_t address = 0;
	uint64_t size = 0;
	std::string name;
	uint64_t moved_from = 0; // not 0: no new code, that at this address moved to `address`; without name
};

struct JitDump {
	std::vector<JitLoad> loads; // by time
	bool complete = true;
};

constexpr std::size_t kMaximumLoads = 2'000'000;

// Whether a path is that of such a file: any folder, jit-<number>.dump.
bool is_jitdump(std::string_view path);

// Errors: io, privilege (the owner is neither root nor the current user), format.
Result<JitDump> read_jitdump(const std::string &path);
Result<JitDump> read_jitdump(const FileDescriptor &file, const std::string &name);

// Puts all of it, in the order of time, into the code.
void add_jitdump(const JitDump &dump, GeneratedCode *code);

} // namespace neuroperf::analyzer
