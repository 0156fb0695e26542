// SPDX-License-Identifier: Apache-2.0
#include "collector/pfm_events.hpp"

#include <fmt/format.h>
#include <perfmon/pfmlib_perf_event.h>

#include <vector>

#include "collector/near_names.hpp"

namespace neuroperf::collector {
namespace {

// Once in the life of the process; libpfm4 looks at the CPU then.
int initialize()
{
	static const int result = ::pfm_initialize();
	return result;
}

std::vector<std::string> present_pmus()
{
	std::vector<std::string> names;
	for (int i = 0; i < PFM_PMU_MAX; i++) {
		pfm_pmu_info_t info = {};
		info.size = sizeof(info);
		if (::pfm_get_pmu_info(static_cast<pfm_pmu_t>(i), &info) == PFM_SUCCESS && info.is_present)
			names.push_back(info.name);
	}
	return names;
}

Error unusable(int code)
{
	return {ErrorCode::not_found, fmt::format("libpfm4 cannot be used on this machine: {}", ::pfm_strerror(code)),
		0, ""};
}

// The event alone, and with each of its unit masks.
void add_names(int index, std::vector<std::string> *names)
{
	pfm_event_info_t event = {};
	event.size = sizeof(event);
	if (::pfm_get_event_info(index, PFM_OS_PERF_EVENT_EXT, &event) != PFM_SUCCESS)
		return;
	names->push_back(event.name);
	for (int i = 0; i < event.nattrs; i++) {
		pfm_event_attr_info_t attribute = {};
		attribute.size = sizeof(attribute);
		if (::pfm_get_event_attr_info(index, i, PFM_OS_PERF_EVENT_EXT, &attribute) == PFM_SUCCESS &&
		    attribute.type == PFM_ATTR_UMASK)
			names->push_back(fmt::format("{}:{}", event.name, attribute.name));
	}
}

Error pfm_error(const std::string &name, int code)
{
	const bool is_unknown = code == PFM_ERR_NOTFOUND || code == PFM_ERR_INVAL;
	return {is_unknown ? ErrorCode::not_found : ErrorCode::usage,
		fmt::format("libpfm4 cannot encode \"{}\": {}", name, ::pfm_strerror(code)), 0,
		fmt::format("it knows these PMUs here: {}", some_of(present_pmus()))};
}

} // namespace

Result<RequestedEvent> pfm_event(const std::string &name)
{
	if (const int code = initialize(); code != PFM_SUCCESS)
		return unusable(code);
	RequestedEvent event;
	pfm_perf_encode_arg_t argument = {};
	argument.attr = &event.attr;
	argument.size = sizeof(argument);
	argument.cpu = -1;
	// All privilege levels unless the name says otherwise, as with perf's own names; guests are left out (PLMH is
	// the hypervisor).
	const int code = ::pfm_get_os_event_encoding(name.c_str(), PFM_PLM0 | PFM_PLM3 | PFM_PLMH,
						     PFM_OS_PERF_EVENT_EXT, &argument);
	if (code != PFM_SUCCESS)
		return pfm_error(name, code);
	if (event.attr.type ==
	    PERF_TYPE_TRACEPOINT) // known to libpfm4 where debugfs is mounted, but without its format
		return Error{ErrorCode::not_found, fmt::format("\"{}\" is a tracepoint", name), 0,
			     "write system:name, without a PMU"};
	if (event.attr.freq)
		event.frequency_hz = event.attr.sample_freq;
	else if (event.attr.sample_period != 0)
		event.period = event.attr.sample_period;
	event.attr.size = recording::kAttrSize;
	event.attr.freq = 0;
	event.attr.sample_period = 0;
	if (argument.cpu >= 0)
		event.cpus.push_back(static_cast<unsigned>(argument.cpu));
	return event;
}

Result<std::vector<PfmPmu>> pfm_pmus()
{
	if (const int code = initialize(); code != PFM_SUCCESS)
		return unusable(code);
	std::vector<PfmPmu> pmus;
	for (int i = 0; i < PFM_PMU_MAX; i++) {
		pfm_pmu_info_t info = {};
		info.size = sizeof(info);
		if (::pfm_get_pmu_info(static_cast<pfm_pmu_t>(i), &info) != PFM_SUCCESS || !info.is_present ||
		    info.type == PFM_PMU_TYPE_OS_GENERIC) // those are the kernel's own names once more
			continue;
		pmus.push_back({info.name, {}});
		for (int event = info.first_event; event != -1; event = ::pfm_get_event_next(event))
			add_names(event, &pmus.back().events);
	}
	return pmus;
}

} // namespace neuroperf::collector
