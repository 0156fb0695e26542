// SPDX-License-Identifier: Apache-2.0
// Finds the probe sites of an object (include/neuroperf/attach.h): the notes of SystemTap's kind in its ELF file.
//
// The file is hostile input: everything is read at most once, bounded, and what makes no sense is counted and skipped.
#pragma once

#include <cstdint>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::collector {

// Places are offsets in the file.
struct UsdtSite {
	uint64_t offset = 0;           // of the one-byte nop
	uint64_t semaphore_offset = 0; // of the semaphore, in a writable segment
	bool wide_nop_follows = false; // the five bytes behind the first are a nop too
};

struct UsdtSites {
	std::vector<UsdtSite> sites;
	unsigned bad_notes = 0; // of our provider, but senseless
};

// Sites of neuroperf:event. A file that is no ELF file of this machine has none. Fails if the file cannot be read.
Result<UsdtSites> find_usdt_sites(int file);

} // namespace neuroperf::collector
