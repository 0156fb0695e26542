// SPDX-License-Identifier: Apache-2.0
// Mends the probe of a forked child whose parent was attached to.
//
// Linux 6.18 turns a uprobe on a five-byte nop into a call to a page of its own, "[uprobes-trampoline]". A child
// inherits the call with its parent's text, but not the page, and the kernel knows nothing of it: a new uprobe would
// put its breakpoint into the call, and leave half a call behind when it goes; the semaphore stays up for ever. The
// program itself does not run into such a call (include/neuroperf/detail/usdt.h), so it can be put right while it runs.
#pragma once

#include <cstdint>

#include "collector/file_mappings.hpp"

namespace neuroperf::collector {

// In place of the call.
enum class Mended {
	// Nops, and the semaphore one lower: as in a process that nobody has attached to.
	unattached,
	// The kernel's breakpoint: as in a child that inherits a uprobe before the kernel has made a call of it. Only
	// while
	// a uprobe is at the site that is not limited to another process.
	attached,
};

enum class MendResult {
	nothing, // that needs it
	mended,
	refused, // we may not write this memory: no uprobe must be put there
};

// Mends a call behind the one-byte nop at this address, if the process has inherited it; and what remains of one when
// a breakpoint has been put into it. Semaphore address 0: not known.
MendResult mend_inherited_call(int pid, FileKey file, uint64_t site_address, uint64_t semaphore_address, Mended how);

// Whether we may write the memory of other users' processes, which CAP_SYS_PTRACE alone does not allow.
bool may_mend_everybody();

} // namespace neuroperf::collector
