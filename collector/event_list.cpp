// SPDX-License-Identifier: Apache-2.0
#include "collector/event_list.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/generic_events.hpp"
#include "collector/kernel_files.hpp"
#include "collector/pfm_events.hpp"
#include "collector/pmu_folder.hpp"
#include "collector/tracepoint_events.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

// Of this process, in user code: what may be counted at all.
bool can_count(const GenericEvent &event)
{
	perf_event_attr attr = {};
	attr.size = sizeof attr;
	attr.type = event.type;
	attr.config = event.config;
	attr.disabled = 1;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	const UniqueFd opened(static_cast<int>(::syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
	return opened.valid();
}

EventGroupList generic_events()
{
	EventGroupList list{"names for any machine", {}, "", ""};
	std::size_t left_out = 0;
	for (std::string &name : generic_event_names()) {
		const auto event = find_generic_event(name);
		if (event && can_count(*event))
			list.events.push_back(std::move(name));
		else
			left_out++;
	}
	if (left_out > 0) {
		list.problem = fmt::format("{} more are not offered by this machine", left_out);
		list.remedy = "hardware counters need a machine, or a virtual one, that hands them on";
	}
	return list;
}

EventGroupList pmu_events(const EventSources &sources)
{
	EventGroupList list{"events of the kernel's PMUs", {}, "", ""};
	for (const std::string &name : PmuFolder::list(sources.pmu_folder)) {
		const auto pmu = PmuFolder::open(sources.pmu_folder, name);
		if (!pmu.ok())
			continue;
		for (const std::string &alias : pmu->alias_names())
			list.events.push_back(fmt::format("{}/{}/", name, alias));
	}
	if (list.events.empty())
		list.problem = "none names its events";
	return list;
}

EventGroupList tracepoints(const EventSources &sources)
{
	EventGroupList list{"tracepoints", {}, "", ""};
	auto names = tracepoint_names(sources);
	if (names.ok()) {
		list.events = std::move(*names);
	} else {
		list.problem = names.error().what;
		list.remedy = names.error().hint;
	}
	return list;
}

} // namespace

std::vector<EventGroupList> list_events(const EventSources &sources)
{
	std::vector<EventGroupList> lists = {generic_events(), pmu_events(sources)};
	if (sources.use_pfm)
		lists.push_back({"names of libpfm4 for this CPU", pfm_event_names(), "", ""});
	lists.push_back(tracepoints(sources));
	return lists;
}

bool matches_pattern(const std::string &event, const std::string &pattern)
{
	const bool has_wildcard = pattern.find_first_of("*?[") != pattern.npos;
	const std::string whole = has_wildcard ? pattern : "*" + pattern + "*";
	return ::fnmatch(whole.c_str(), event.c_str(), FNM_CASEFOLD) == 0;
}

} // namespace neuroperf::collector
