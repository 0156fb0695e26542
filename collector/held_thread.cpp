// SPDX-License-Identifier: Apache-2.0
#include "collector/held_thread.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "collector/clock.hpp"

namespace neuroperf::collector {

HeldThread::HeldThread(pid_t tid, uint64_t longest_wait_ns) : tid_(tid)
{
	seized_ = ::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) == 0;
	if (!seized_ || ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0)
		return;
	wait(longest_wait_ns);
}

bool HeldThread::wait(uint64_t longest_ns)
{
	const uint64_t begin = monotonic_now_ns();
	for (take_stop(); seized_ && !held_ && monotonic_now_ns() - begin < longest_ns; take_stop())
		::usleep(20);
	return held_;
}

void HeldThread::take_stop()
{
	int status = 0;
	if (held_ || ::waitpid(tid_, &status, __WALL | WNOHANG) != tid_ || !WIFSTOPPED(status))
		return;
	held_ = true;
	if (status >> 16 == 0) // a signal of its own came first
		signal_ = WSTOPSIG(status);
}

bool HeldThread::release()
{
	if (!seized_)
		return true;
	take_stop();
	const bool detached =
		::ptrace(PTRACE_DETACH, tid_, nullptr, reinterpret_cast<void *>(static_cast<intptr_t>(signal_))) == 0;
	const bool gone = !detached && ::kill(tid_, 0) != 0 && errno == ESRCH;
	seized_ = !detached && !gone;
	return !seized_;
}

HeldThread::~HeldThread()
{
	for (int tries = 0; !release() && tries < 100; tries++)
		::usleep(1000);
}

} // namespace neuroperf::collector
