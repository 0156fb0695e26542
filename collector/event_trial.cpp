// SPDX-License-Identifier: Apache-2.0
#include "collector/event_trial.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kPeriod = 1000000;

// errno of an attempt, 0 = works.
int open_on(const perf_event_attr &attr, int task, int cpu)
{
	const UniqueFd fd(static_cast<int>(::syscall(SYS_perf_event_open, &attr, task, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
	return fd.valid() ? 0 : errno;
}

// Counters that are not of a core's own, such as those of its memory controller, belong to no task.
int open_anywhere(const perf_event_attr &attr, const RequestedEvent &event)
{
	const int error = open_on(attr, 0, -1);
	return error == EINVAL && !event.cpus.empty() ? open_on(attr, -1, static_cast<int>(event.cpus.front())) : error;
}

// Counters that know no guests refuse to leave them out; a recording asks again, too.
int open_error(perf_event_attr attr, const RequestedEvent &event)
{
	const int error = open_anywhere(attr, event);
	if (error != EINVAL || !attr.exclude_guest)
		return error;
	attr.exclude_guest = 0;
	return open_anywhere(attr, event);
}

bool is_refusal(int error)
{
	return error == EACCES || error == EPERM;
}

std::string reason_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "the kernel does not allow it to this user";
	case ENOENT:
	case ENODEV:
	case ENXIO:
	case EINVAL:
	case EOPNOTSUPP:
		return "this machine does not offer it";
	case ENOSYS:
		return "perf_event_open is not there";
	default:
		return std::strerror(error);
	}
}

} // namespace

Availability try_event(const RequestedEvent &event)
{
	perf_event_attr attr = event.attr;
	attr.disabled = 1;
	attr.sample_period = kPeriod;
	int error = open_error(attr, event);
	const bool kernel_refused = is_refusal(error);
	if (kernel_refused) {
		attr.exclude_kernel = attr.exclude_hv = 1;
		error = open_error(attr, event);
		if (error == EINVAL && attr.type > PERF_TYPE_BREAKPOINT) // a PMU that cannot leave the kernel out
			error = EACCES;
	}
	if (error == 0)
		return {true, kernel_refused ? "of user space only, as this user" : ""};
	attr.sample_period = 0;
	if (!is_refusal(error) && open_error(attr, event) == 0)
		return {true, "it counts, but takes no samples: let another event read it, {cpu-clock,EVENT}:S"};
	return {false, reason_of(error)};
}

} // namespace neuroperf::collector
