// SPDX-License-Identifier: Apache-2.0
// Holds a thread that has just mapped a runtime, until its probes are there.
//
// By ptrace, which neither the thread nor its parent sees, other than a stop signal; the thread goes on too when the
// recorder dies. A system call that it may be in starts again, but for the few that end with EINTR after any stop
// (signal(7)): a thread that loads a library is in none of them.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace neuroperf::collector {

class HeldThread {
public:
	// Waits for the thread to stop, for some milliseconds at most. A thread that cannot be held (it is traced
	// already, has ended, may not be traced by us) goes on: see held().
	explicit HeldThread(pid_t tid) : HeldThread(tid, kLongestWaitNs) {}
	// Of many threads, which all are to be asked before one is waited for: with 0 it does not wait, see wait.
	HeldThread(pid_t tid, uint64_t longest_wait_ns);
	~HeldThread();
	HeldThread(const HeldThread &) = delete;
	HeldThread &operator=(const HeldThread &) = delete;

	bool held() const { return held_; }
	// Goes on waiting, so long at most. Returns whether it is held now.
	bool wait(uint64_t longest_ns);
	// Lets it go on. False: it has not stopped yet (it waits for a disk, say), and must be asked again: it would
	// stop later, and stay so. Never waits.
	bool release();

private:
	static constexpr uint64_t kLongestWaitNs = 20'000'000;
	void take_stop();

	pid_t tid_;
	bool seized_ = false, held_ = false;
	int signal_ = 0; // that came meanwhile, and is its own
};

} // namespace neuroperf::collector
