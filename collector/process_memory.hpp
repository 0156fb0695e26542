// SPDX-License-Identifier: Apache-2.0
// The memory of another process. Pages that it has not touched yet are brought in, which BPF programs cannot.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace neuroperf::collector {

// False unless all of it could be read.
bool read_process_memory(pid_t pid, uint64_t address, void *to, std::size_t size);
// Characters up to a NUL, at most `room` with the NUL, cut where memory cannot be read.
void read_process_text(pid_t pid, uint64_t address, char *to, std::size_t room);

} // namespace neuroperf::collector
