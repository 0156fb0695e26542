// SPDX-License-Identifier: Apache-2.0
// The signals the recorder handles, as a descriptor to poll. Blocked while this lives; the child resets its own mask.
#pragma once

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

class SignalSource {
public:
	SignalSource()
	{
		sigset_t handled;
		sigemptyset(&handled);
		for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD})
			sigaddset(&handled, signal);
		::sigprocmask(SIG_BLOCK, &handled, &before_);
		fd_ = UniqueFd(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
	}
	~SignalSource() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
	SignalSource(const SignalSource &) = delete;
	SignalSource &operator=(const SignalSource &) = delete;

	int descriptor() const { return fd_.get(); } // -1: could not be made
	bool next(signalfd_siginfo *info) { return ::read(fd_.get(), info, sizeof *info) == sizeof *info; }

private:
	sigset_t before_;
	UniqueFd fd_;
};

} // namespace neuroperf::collector
