// SPDX-License-Identifier: Apache-2.0
#include "collector/held_thread.hpp"

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kLongestWaitNs = 20'000'000;

// True once the thread has stopped; `status` as waitpid tells it.
bool has_stopped(pid_t tid, int *status)
{
	const uint64_t begin = monotonic_now_ns();
	while (monotonic_now_ns() - begin < kLongestWaitNs) {
		const pid_t found = ::waitpid(tid, status, __WALL | WNOHANG);
		if (found == tid)
			return WIFSTOPPED(*status);
		if (found < 0)
			return false;
		::usleep(20);
	}
	return false;
}

} // namespace

HeldThread::HeldThread(pid_t tid) : tid_(tid)
{
	if (::ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0)
		return;
	seized_ = true;
	int status = 0;
	if (::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) != 0 || !has_stopped(tid, &status))
		return;
	held_ = true;
	if (status >> 16 == 0) // a signal of its own came first
		signal_ = WSTOPSIG(status);
}

HeldThread::~HeldThread()
{
	if (!seized_)
		return;
	int status = 0;
	if (!held_ && !has_stopped(tid_, &status)) // detaching needs a stop; one will come
		for (int tries = 0; tries < 100 && ::waitpid(tid_, &status, __WALL | WNOHANG) == 0; tries++)
			::usleep(1000);
	::ptrace(PTRACE_DETACH, tid_, nullptr, reinterpret_cast<void *>(static_cast<intptr_t>(signal_)));
}

} // namespace neuroperf::collector
