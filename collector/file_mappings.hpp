// SPDX-License-Identifier: Apache-2.0
// The files that a process has mapped, kept: process_maps.hpp walks, this collects.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

// A file as long as somebody has it open or mapped; afterwards the numbers may come again.
struct FileKey {
	uint64_t device = 0, inode = 0;
	auto operator<=>(const FileKey &) const = default;
};

struct FileMapping {
	uint64_t start = 0, end = 0; // addresses
	uint64_t offset = 0;         // of `start` in the file
	bool executable = false;
	bool writable = false;
	bool shared = false;
	FileKey file;
	std::string path; // as the process's mount namespace has it; perhaps with " (deleted)"
};

// Mappings without a file are left out, and so are lines that make no sense. No mappings at all: the process is a
// zombie. Fails if there is no such process, or it may not be looked at.
Result<std::vector<FileMapping>> read_file_mappings(int pid);

// The mapped file itself, even if it was deleted, or another one has taken its path.
Result<UniqueFd> open_mapped_file(int pid, const FileMapping &mapping);

} // namespace neuroperf::collector
