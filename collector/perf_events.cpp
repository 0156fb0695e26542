// SPDX-License-Identifier: Apache-2.0
#include "collector/perf_events.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

namespace neuroperf::collector {
namespace {

Error open_error(std::string_view doing, const PlannedSampling &sampling, unsigned cpu)
{
	const int code = errno;
	std::string hint;
	if (code == EMFILE)
		hint = "raise the limit of open files (ulimit -n)";
	else if (code == EPERM || code == EACCES)
		hint = "run as root, or set kernel.perf_event_paranoid to 1 and raise kernel.perf_event_mlock_kb";
	return {ErrorCode::privilege,
		fmt::format("cannot {} {} on CPU {}: {}", doing, sampling.name, cpu, std::strerror(code)), code, hint};
}

UniqueFd open_on(perf_event_attr *attr, int pid, unsigned cpu)
{
	return UniqueFd(static_cast<int>(
		::syscall(SYS_perf_event_open, attr, pid, static_cast<int>(cpu), -1, PERF_FLAG_FD_CLOEXEC)));
}

} // namespace

Result<PerfEvents> PerfEvents::open(const Plan &plan, int pid)
{
	const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
	PerfEvents events;
	events.map_size_ = page * (1 + plan.ring_pages);
	perf_event_attr attr = plan.sampling->attr;
	for (const unsigned cpu : plan.cpus) {
		UniqueFd fd = open_on(&attr, pid, cpu);
		if (!fd.valid() && errno == EINVAL && attr.build_id) { // before Linux 5.12
			attr.build_id = 0;
			fd = open_on(&attr, pid, cpu);
		}
		if (!fd.valid() && errno == ENODEV)
			continue; // the CPU went offline since the plan was made
		if (!fd.valid())
			return open_error("open", *plan.sampling, cpu);
		void *map = ::mmap(nullptr, events.map_size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
		if (map == MAP_FAILED)
			return open_error("map the ring of", *plan.sampling, cpu);
		uint64_t id = 0;
		const int id_result = ::ioctl(fd.get(), PERF_EVENT_IOC_ID, &id);
		events.cpus_.push_back(
			{std::move(fd), map, PerfRing(map, static_cast<char *>(map) + page, page * plan.ring_pages)});
		if (id_result != 0)
			return open_error("identify", *plan.sampling, cpu);
		events.ids_.push_back(id);
	}
	if (events.cpus_.empty())
		return Error{ErrorCode::unsupported, "no CPU could be sampled", 0, ""};
	return events;
}

PerfEvents::PerfEvents(PerfEvents &&other) noexcept
	: cpus_(std::move(other.cpus_)), ids_(std::move(other.ids_)), map_size_(other.map_size_)
{
	other.cpus_.clear();
}

PerfEvents::~PerfEvents()
{
	for (CpuEvent &event : cpus_)
		::munmap(event.map, map_size_);
}

std::vector<int> PerfEvents::descriptors() const
{
	std::vector<int> fds;
	for (const CpuEvent &event : cpus_)
		fds.push_back(event.fd.get());
	return fds;
}

void PerfEvents::drain(std::string *to, PerfRecordCounts *counts)
{
	for (CpuEvent &event : cpus_)
		event.ring.drain(to, counts);
}

void PerfEvents::disable()
{
	for (CpuEvent &event : cpus_)
		::ioctl(event.fd.get(), PERF_EVENT_IOC_DISABLE, 0);
}

} // namespace neuroperf::collector
