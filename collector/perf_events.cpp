// SPDX-License-Identifier: Apache-2.0
#include "collector/perf_events.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace neuroperf::collector {
namespace {

constexpr int kEveryTask = -1;

std::string remedy(int code, const PlannedEvent &event, Target::Kind kind)
{
	switch (code) {
	case EMFILE:
		return "raise the limit of open files (ulimit -n)";
	case EPERM:
	case EACCES:
		if (kind == Target::Kind::tasks)
			return "record it as root, or as the user whose process it is";
		if (kind != Target::Kind::program)
			return fmt::format("{}, or set kernel.perf_event_paranoid to 0",
					   run_as_root(in_user_namespace()));
		return fmt::format("{}, or set kernel.perf_event_paranoid to 1 and raise kernel.perf_event_mlock_kb",
				   run_as_root(in_user_namespace()));
	case ENOENT:
	case EOPNOTSUPP:
		return fmt::format("this machine cannot sample {}; -e cpu-clock works everywhere", event.name);
	case EINVAL:
		return fmt::format("the kernel takes no such options for {}", event.name);
	default:
		return "";
	}
}

Error open_error(std::string_view doing, const PlannedEvent &event, unsigned cpu, Target::Kind kind)
{
	const int code = errno;
	return {ErrorCode::privilege,
		fmt::format("cannot {} {} on CPU {}: {}", doing, event.name, cpu, std::strerror(code)), code,
		remedy(code, event, kind)};
}

UniqueFd open_event(const perf_event_attr &attr, int task, unsigned cpu, int group, unsigned long flags)
{
	return UniqueFd(static_cast<int>(::syscall(SYS_perf_event_open, &attr, task, static_cast<int>(cpu), group,
						   PERF_FLAG_FD_CLOEXEC | flags)));
}

} // namespace

Result<PerfEvents> PerfEvents::open(const Plan &plan, int program, int filter)
{
	PerfEvents events;
	events.filter_ = filter;
	events.ids_.resize(plan.events.size());
	std::vector<int> tasks = plan.target.threads;
	if (filter >= 0)
		tasks = {kEveryTask};
	else if (plan.target.kind != Target::Kind::tasks)
		tasks = {plan.target.kind == Target::Kind::program ? program : kEveryTask};
	UniqueFd control_group; // takes the place of a task; the events keep it alive
	if (plan.target.kind == Target::Kind::control_group) {
		control_group = UniqueFd(::open(plan.target.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		if (!control_group.valid())
			return Error{ErrorCode::not_found,
				     fmt::format("cannot open {}: {}", plan.target.folder, std::strerror(errno)), errno,
				     ""};
		tasks = {control_group.get()};
	}
	for (std::size_t i = 0; i < tasks.size(); i++) {
		const Status opened = events.open_task(plan, tasks[i]);
		if (opened.ok()) {
			events.tasks_opened_++;
			continue;
		}
		const int code = opened.error().system_errno;
		if (code == ESRCH && tasks.size() > 1)
			continue; // it has ended
		if (code != EMFILE || events.tasks_opened_ == 0)
			return opened.error();
		events.tasks_left_out_ = tasks.size() - i;
		break;
	}
	if (events.rings_.empty())
		return Error{ErrorCode::unsupported, "no CPU could be sampled", 0, ""};
	return events;
}

// A PMU that cannot tell the instruction exactly says so; the next event is not asked again about that.
UniqueFd PerfEvents::open_as_precise_as_it_gets(const PlannedEvent &event, int task, unsigned cpu, int group,
						unsigned long flags)
{
	perf_event_attr attr = event.attr;
	if (event.most_precise)
		attr.precise_ip = std::min<unsigned>(attr.precise_ip, most_precise_);
	UniqueFd fd = open_event(attr, task, cpu, group, flags);
	while (!fd.valid() && event.most_precise && attr.precise_ip > 0 && (errno == EOPNOTSUPP || errno == EINVAL)) {
		attr.precise_ip--;
		fd = open_event(attr, task, cpu, group, flags);
		if (fd.valid())
			most_precise_ = attr.precise_ip;
	}
	// Counters that know no guests refuse to leave them out. perf asks again, too.
	if (!fd.valid() && errno == EINVAL && attr.exclude_guest && !attr.exclude_host) {
		attr.exclude_guest = 0;
		fd = open_event(attr, task, cpu, group, flags);
	}
	return fd;
}

Status PerfEvents::open_task(const Plan &plan, int task)
{
	std::vector<unsigned> cpus;
	for (const PlannedEvent &event : plan.events)
		for (const unsigned cpu : event.cpus)
			if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end())
				cpus.push_back(cpu);
	for (const unsigned cpu : cpus)
		if (Status opened = open_on_cpu(plan, task, cpu); !opened.ok())
			return opened;
	return Done{};
}

// All events of one task on one CPU: each with its leader.
Status PerfEvents::open_on_cpu(const Plan &plan, int task, unsigned cpu)
{
	std::vector<int> opened(plan.events.size(), -1);
	const unsigned long flags = plan.target.kind == Target::Kind::control_group ? PERF_FLAG_PID_CGROUP : 0;
	for (std::size_t i = 0; i < plan.events.size(); i++) {
		const PlannedEvent &event = plan.events[i];
		if (event.by_bpf || std::find(event.cpus.begin(), event.cpus.end(), cpu) == event.cpus.end())
			continue;
		const int group = event.leads(i) ? -1 : opened[event.leader];
		UniqueFd fd = open_as_precise_as_it_gets(event, task, cpu, group, flags);
		if (!fd.valid() && errno == ENODEV)
			return Done{}; // the CPU went offline since the plan was made
		if (!fd.valid())
			return open_error("open", event, cpu, plan.target.kind);
		if (filter_ >= 0 && event.attr.sample_period != 0 &&
		    ::ioctl(fd.get(), PERF_EVENT_IOC_SET_BPF, filter_) != 0)
			return open_error("filter", event, cpu, plan.target.kind);
		if (Status added = add_ring(event, fd.get(), cpu, plan.ring_pages); !added.ok())
			return added;
		uint64_t id = 0;
		if (::ioctl(fd.get(), PERF_EVENT_IOC_ID, &id) != 0)
			return open_error("identify", event, cpu, plan.target.kind);
		ids_[i].push_back(id);
		opened[i] = fd.get();
		if (event.leads(i) && !event.attr.enable_on_exec)
			(i == 0 ? side_band_ : leaders_).push_back(fd.get());
		fds_.push_back(std::move(fd));
		places_.push_back({i, task, cpu});
	}
	return Done{};
}

// The first event on a CPU gets the ring; the others write into it too.
Status PerfEvents::add_ring(const PlannedEvent &event, int fd, unsigned cpu, std::size_t pages)
{
	if (const auto found = rings_.find(cpu); found != rings_.end()) {
		if (::ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, found->second.output) != 0)
			return open_error("share the ring with", event, cpu, Target::Kind::program);
		return Done{};
	}
	MappedPerfRing ring(fd, pages);
	if (!ring.valid())
		return open_error("map the ring of", event, cpu, Target::Kind::program);
	rings_.emplace(cpu, CpuRing{fd, std::move(ring)});
	return Done{};
}

std::vector<int> PerfEvents::descriptors() const
{
	std::vector<int> fds;
	for (const auto &[cpu, ring] : rings_)
		fds.push_back(ring.output);
	return fds;
}

void PerfEvents::enable_side_band()
{
	for (const int fd : side_band_)
		::ioctl(fd, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

void PerfEvents::enable()
{
	enable_side_band();
	for (const int fd : leaders_)
		::ioctl(fd, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

void PerfEvents::disable()
{
	for (const UniqueFd &fd : fds_)
		::ioctl(fd.get(), PERF_EVENT_IOC_DISABLE, 0);
}

std::vector<EventTimes> PerfEvents::times() const
{
	// {value, enabled, running, id}, or of a group {members, enabled, running, {value, id} of each}
	constexpr std::size_t kEnabled = 1, kRunning = 2;
	std::vector<uint64_t> words(kRunning + 1 + 2 * std::max<std::size_t>(ids_.size(), 1));
	std::vector<EventTimes> times;
	for (std::size_t i = 0; i < fds_.size(); i++) {
		const ssize_t size = ::read(fds_[i].get(), words.data(), words.size() * sizeof words[0]);
		const bool whole = size >= static_cast<ssize_t>((kRunning + 1) * sizeof words[0]);
		times.push_back({places_[i], whole ? words[kEnabled] : 0, whole ? words[kRunning] : 0});
	}
	return times;
}

double PerfEvents::drain(std::string *to, PerfRecordCounts *counts)
{
	double fullest = 0;
	for (auto &[cpu, ring] : rings_)
		fullest = std::max(fullest, ring.ring.drain(to, counts));
	return fullest;
}

} // namespace neuroperf::collector
