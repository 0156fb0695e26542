// SPDX-License-Identifier: Apache-2.0
// The kernel's modules as MMAP2 records, so that samples in them have a file and a build id to be named by; and the
// build id of the kernel itself, by which a report on another machine tells that its own kernel is not the one.
#pragma once

#include <string>

#include "recording/records.hpp"

namespace neuroperf::collector {

struct KernelModules {
	std::string records;
	unsigned modules = 0;
	bool hidden = false; // there are modules, but /proc/modules shows this user no addresses (kptr_restrict)
};

// As perf does it: pid -1, the path under /lib/modules/RELEASE, or [name] when no file of the module is there.
// `root`: the folder in which proc, sys and lib are looked for, "" for this machine's.
KernelModules kernel_modules(uint64_t sample_type, const recording::RecordIdentity &moment,
			     const std::string &kernel_release, const std::string &root = "");

// Of the running kernel (raw bytes), empty if it does not tell.
std::string kernel_build_id(const std::string &root = "");

} // namespace neuroperf::collector
