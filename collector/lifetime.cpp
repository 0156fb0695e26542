// SPDX-License-Identifier: Apache-2.0
#include "collector/lifetime.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <vector>

#include "collector/clock.hpp"
#include "collector/launch.hpp"

namespace neuroperf::collector {
namespace {

// How long the program may go on after the user's first signal before the recording ends without it.
constexpr uint64_t kGraceNs = 2'000'000'000;
// Signals closer together than this are one request: `timeout` and shells send one to us and one to our group.
constexpr uint64_t kOneRequestNs = 300'000'000;
// How often a recording of running tasks looks whether they still run.
constexpr uint64_t kWatchPeriodNs = 100'000'000;

} // namespace

Lifetime::Lifetime(const RecordOptions &options, const Target &target)
	: options_(options), start_ns_(monotonic_now_ns())
{
	if (target.kind == Target::Kind::tasks)
		watch_.emplace(target);
}

bool Lifetime::is_over(bool more_to_come)
{
	const uint64_t now = monotonic_now_ns();
	if (options_.duration_s && static_cast<double>(now - start_ns_) >= *options_.duration_s * 1e9)
		time_is_over_ = true;
	if (time_is_over_)
		return true;
	if (program_ != 0 && program_ended_ && (!options_.follow || no_children_))
		return true;
	if (interrupted_ns_ != 0 && (program_ == 0 || now > interrupted_ns_ + kGraceNs))
		return true;
	return tasks_have_ended(now, more_to_come);
}

bool Lifetime::tasks_have_ended(uint64_t now, bool more_to_come)
{
	if (!watch_ || now - last_watch_ns_ < kWatchPeriodNs)
		return false;
	last_watch_ns_ = now;
	return watch_->all_ended() && !(options_.follow && more_to_come);
}

void Lifetime::handle_signals()
{
	signalfd_siginfo info;
	while (signals_.next(&info))
		handle(info);
}

void Lifetime::handle(const signalfd_siginfo &info)
{
	if (info.ssi_signo == SIGCHLD) {
		reap_children();
		return;
	}
	// A key on the terminal reaches the program by itself; what was sent to us alone is passed on. What the program
	// sends to its process group, ours, is its own affair.
	const bool sent_by_a_process =
		info.ssi_code == SI_USER || info.ssi_code == SI_QUEUE || info.ssi_code == SI_TKILL;
	if (program_ != 0 && sent_by_a_process && is_of_the_program(static_cast<pid_t>(info.ssi_pid)))
		return;
	if (program_ != 0 && sent_by_a_process && !program_ended_)
		::kill(program_, static_cast<int>(info.ssi_signo));
	if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2)
		return;
	last_signal_ = static_cast<int>(info.ssi_signo);
	const uint64_t now = monotonic_now_ns();
	if (interrupted_ns_ == 0)
		interrupted_ns_ = now;
	else if (now - interrupted_ns_ > kOneRequestNs)
		interrupted_ns_ = 1; // a second request ends the recording at once
}

bool Lifetime::is_of_the_program(pid_t sender) const
{
	const std::vector<ChildProcess> tree = descendants(::getpid());
	return sender == program_ ||
	       std::any_of(tree.begin(), tree.end(), [&](const ChildProcess &child) { return child.pid == sender; });
}

void Lifetime::reap_children()
{
	int status = 0;
	pid_t pid;
	while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program_ || WIFSTOPPED(status)) // held for a moment: held_thread.hpp
			continue;
		program_ended_ = true;
		exit_status_ = shell_status(status);
	}
	no_children_ = pid < 0 && errno == ECHILD;
}

} // namespace neuroperf::collector
