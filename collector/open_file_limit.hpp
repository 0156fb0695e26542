// SPDX-License-Identifier: Apache-2.0
// Room for descriptors: a recording has one per event, CPU and thread, far beyond the usual 1024.
//
// The limit is the recorder's own. Programs rely on theirs (select() breaks above 1024, others close every descriptor
// up to it), so the launched child goes back to what was there before.
#pragma once

#include <sys/resource.h>

#include <cstdint>

#include "recording/result.hpp"

namespace neuroperf::collector {

class OpenFileLimit {
public:
	// Remembers the limit as it is now.
	OpenFileLimit();

	// Makes room for `descriptors` more than are open now: up to the hard limit, and as root beyond it, up to
	// /proc/sys/fs/nr_open. Fails if that is not enough, with the limit as high as it can be.
	Status make_room_for(uint64_t descriptors);

	// Between fork and exec in the child: the limit as it was. Only system calls. False: refused (errno).
	bool restore() const;

	uint64_t current() const; // soft limit

private:
	rlimit original_ = {};
	bool known_ = false;
};

} // namespace neuroperf::collector
