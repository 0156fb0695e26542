// SPDX-License-Identifier: Apache-2.0
#include "collector/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "collector/event_attr.hpp"
#include "collector/sampling_rate.hpp"
#include "collector/tracepoint_plan.hpp"

namespace neuroperf::collector {
namespace {

constexpr const char *kOnAndOffCpu = "on and off CPU";

struct Candidate {
	uint32_t type;
	uint64_t config;
	bool user_only;
	const char *name;
	int HostSnapshot::*error; // 0: it can be opened
};

// What samples when the user names no event. Best first.
constexpr Candidate kCandidates[] = {
	{PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false, "cycles", &HostSnapshot::cycles_error},
	{PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, true, "cycles:u", &HostSnapshot::cycles_user_only_error},
	{PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, false, "cpu-clock", &HostSnapshot::cpu_clock_error},
	{PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, true, "cpu-clock:u", &HostSnapshot::cpu_clock_user_only_error},
};

EventGroup default_group(const Candidate &candidate)
{
	RequestedEvent event;
	event.attr.type = candidate.type;
	event.attr.config = candidate.config;
	event.attr.exclude_kernel = candidate.user_only;
	event.attr.exclude_hv = candidate.user_only;
	event.name = candidate.name;
	return {"", {event}};
}

bool is_refusal(int error)
{
	return error == EACCES || error == EPERM;
}

std::string privilege_remedy(const HostSnapshot &host)
{
	if (host.is_root)
		return "allow perf_event_open to this container or service (seccomp, capabilities)";
	return fmt::format("{}, or set kernel.perf_event_paranoid (now {}) to 1", run_as_root(host.in_user_namespace),
			   host.perf_event_paranoid);
}

// The CPUs to open an event on: those of its PMU among those asked for.
std::vector<unsigned> cpus_for(const RequestedEvent &event, const RecordOptions &options, const HostSnapshot &host)
{
	std::vector<unsigned> cpus;
	const auto allowed = [](const std::vector<unsigned> &list, unsigned cpu) {
		return list.empty() || std::find(list.begin(), list.end(), cpu) != list.end();
	};
	for (const unsigned cpu : host.online_cpus)
		if (allowed(options.cpus, cpu) && allowed(event.cpus, cpu))
			cpus.push_back(cpu);
	return cpus;
}

Start start_of(const RecordOptions &options, const Target &target, bool leads)
{
	if (!leads)
		return Start::with_leader;
	return target.kind == Target::Kind::program && options.delay_ms == 0 ? Start::at_exec : Start::when_enabled;
}

void plan_group(const EventGroup &group, const RecordOptions &options, const HostSnapshot &host, unsigned frequency_hz,
		Plan *plan)
{
	const std::size_t leader = plan->events.size();
	const bool by_bpf = is_recorded_by_bpf(group, options, host, plan->target);
	const bool reads_group = group.events.front().sample_group && group.events.size() > 1;
	for (const RequestedEvent &requested : group.events) {
		PlannedEvent event;
		const bool leads = plan->events.size() == leader;
		event.attr = sampling_attr(requested, options, frequency_hz);
		if (reads_group && leads)
			make_reading_leader(&event.attr);
		else if (reads_group)
			make_counting_member(&event.attr);
		set_start(&event.attr, start_of(options, plan->target, leads));
		event.name = requested.name;
		event.leader = leader;
		event.cpus = cpus_for(requested, options, host);
		event.tracepoint_format = requested.tracepoint_format;
		event.tracepoint_system = requested.tracepoint_system;
		event.by_bpf = by_bpf;
		event.most_precise = requested.most_precise;
		event.weak_group = group.events.front().weak_group;
		plan->events.push_back(std::move(event));
	}
	if (reads_group)
		plan->items.push_back({"group", PlanItem::State::degraded,
				       fmt::format("{} and what is read with it are not counted in child processes",
						   group.events.front().name),
				       "name the events without {...}:S to follow children"});
}

// Something must tell of programs and mappings on every CPU, from the first instruction on.
void plan_side_band(const RecordOptions &options, const HostSnapshot &host, Plan *plan)
{
	const std::vector<unsigned> everywhere = cpus_for({}, options, host);
	const PlannedEvent &first = plan->events.front();
	if (options.delay_ms == 0 && first.cpus == everywhere && first.attr.inherit && !first.by_bpf) {
		add_side_band(&plan->events.front().attr);
		return;
	}
	PlannedEvent event;
	event.attr = side_band_attr(options);
	event.name = "dummy:u";
	event.cpus = everywhere;
	set_start(&event.attr, plan->target.kind == Target::Kind::program ? Start::at_exec : Start::when_enabled);
	for (PlannedEvent &other : plan->events)
		other.leader++;
	plan->events.insert(plan->events.begin(), std::move(event));
}

bool is_side_band(const PlannedEvent &event)
{
	return event.attr.type == PERF_TYPE_SOFTWARE && event.attr.config == PERF_COUNT_SW_DUMMY;
}

bool can_have_anatomy(const RecordOptions &options, const HostSnapshot &host)
{
	if (options.no_bpf || host.bpf_error != 0 || !host.kernel_types)
		return false;
	return !options.no_anatomy && !options.user_only && options.threads.empty() && options.cpus.empty();
}

// Once the first event has the side band.
void plan_context_switches(const RecordOptions &options, const HostSnapshot &host, Plan *plan)
{
	if (options.no_switches)
		return;
	if (plan->target.kind != Target::Kind::program && plan->target.kind != Target::Kind::tasks) {
		plan->items.push_back({kOnAndOffCpu, PlanItem::State::missing,
				       "when threads run is not recorded of this many: only samples are",
				       "name the processes with -p, or launch the program with neuroperf record"});
		return;
	}
	if (can_have_anatomy(options, host)) {
		plan->anatomy = true;
		plan->anatomy_with_stacks = options.callgraph != CallGraph::none;
		plan->items.push_back({kOnAndOffCpu, PlanItem::State::open,
				       "of each thread, with what it waits for and who wakes it, by BPF programs", ""});
		return;
	}
	if (plan->filters_samples) {
		plan->items.push_back({kOnAndOffCpu, PlanItem::State::missing,
				       "when threads run is not recorded of so many threads: only samples are",
				       "name fewer of them with -t, or record with --no-bpf"});
		return;
	}
	add_context_switches(&plan->events.front().attr);
	plan->items.push_back(
		{kOnAndOffCpu, PlanItem::State::open, "of each thread, by the kernel's context-switch records", ""});
}

std::string target_text(const Plan &plan)
{
	const std::size_t cpus = plan.events.front().cpus.size();
	switch (plan.target.kind) {
	case Target::Kind::program:
		return fmt::format("on {} CPUs", cpus);
	case Target::Kind::tasks:
		return fmt::format("of {} threads on {} CPUs{}", plan.target.threads.size(), cpus,
				   plan.filters_samples ? ", which a BPF program tells from others" : "");
	case Target::Kind::control_group:
		return fmt::format("of {} on {} CPUs", plan.target.name, cpus);
	case Target::Kind::machine:
		return fmt::format("of every process on {} CPUs", cpus);
	}
	return "";
}

std::string call_graph_text(const RecordOptions &options)
{
	switch (options.callgraph) {
	case CallGraph::none:
		return "";
	case CallGraph::frame_pointers:
		return ", call chains by frame pointers";
	case CallGraph::dwarf:
		return fmt::format(", call chains from {} bytes of stack", options.stack_bytes);
	}
	return "";
}

std::string rate_text(const perf_event_attr &attr)
{
	if (attr.freq)
		return fmt::format("at {} Hz", attr.sample_freq);
	if (attr.sample_period == 0)
		return "with their leader";
	return attr.sample_period == 1 ? "each time" : fmt::format("every {} events", attr.sample_period);
}

// "cycles, instructions at 999 Hz; sched:sched_switch each time"; empty if perf events sample nothing.
std::string sampling_text(const Plan &plan)
{
	std::vector<std::pair<std::string, std::vector<std::string>>> by_rate;
	for (const PlannedEvent &event : plan.events) {
		if (event.by_bpf || is_side_band(event))
			continue;
		const std::string rate = rate_text(event.attr);
		if (by_rate.empty() || by_rate.back().first != rate)
			by_rate.push_back({rate, {}});
		by_rate.back().second.push_back(event.name);
	}
	std::string text;
	for (const auto &[rate, names] : by_rate)
		text += fmt::format("{}{} {}", text.empty() ? "" : "; ", some_of(names), rate);
	return text;
}

// Counts of groups, and tracepoints, are those of the whole CPU, whatever becomes of the samples.
bool filters_samples(const Plan &plan, const RecordOptions &options, const HostSnapshot &host)
{
	constexpr std::size_t kManyEvents = 4096; // what takes about a sixth of a second to open
	if (plan.target.kind != Target::Kind::tasks || !options.threads.empty())
		return false;
	if (options.no_bpf || host.bpf_error != 0 || !host.kernel_types)
		return false;
	std::size_t events = 0;
	for (const PlannedEvent &event : plan.events) {
		if (!event.by_bpf && (event.tracepoint_format || event.attr.sample_type & PERF_SAMPLE_READ))
			return false;
		events += event.by_bpf ? 0 : event.cpus.size() * plan.target.threads.size();
	}
	return events > kManyEvents;
}

// Nothing where BPF programs take every event.
void plan_sampling_item(const RecordOptions &options, const HostSnapshot &host, Plan *plan)
{
	const std::string what = sampling_text(*plan);
	if (what.empty())
		return;
	PlanItem item{"sampling", PlanItem::State::open,
		      fmt::format("{} {}{}{}", what, target_text(*plan), call_graph_text(options),
				  sample_cost_text(options, host)),
		      ""};
	if (!options.period && plan->frequency_hz != wanted_frequency(options, host)) {
		item.state = PlanItem::State::degraded;
		item.detail += fmt::format("; {} Hz is more than the kernel allows", wanted_frequency(options, host));
		item.remedy = "raise kernel.perf_event_max_sample_rate";
	}
	plan->items.push_back(std::move(item));
}

void plan_events(const std::vector<EventGroup> &groups, const RecordOptions &options, const HostSnapshot &host,
		 Plan *plan)
{
	plan->frequency_hz = frequency_to_be_had(options, host);
	for (const EventGroup &group : groups)
		plan_group(group, options, host, plan->frequency_hz, plan);
	plan_side_band(options, host, plan);
	plan->filters_samples = filters_samples(*plan, options, host);
	if (auto item = tracepoints_item(*plan, options, host))
		plan->items.push_back(std::move(*item));
	plan_sampling_item(options, host, plan);
	plan_context_switches(options, host, plan);
}

const Candidate *best_candidate(const RecordOptions &options, const HostSnapshot &host)
{
	for (const Candidate &candidate : kCandidates)
		if (host.*candidate.error == 0 && (!options.user_only || candidate.user_only))
			return &candidate;
	return nullptr;
}

void plan_kernel_names(bool user_only, const HostSnapshot &host, Plan *plan)
{
	if (!user_only && !plan->kernel_map)
		plan->items.push_back({"kernel symbols", PlanItem::State::missing,
				       "kernel addresses have no names: /proc/kallsyms shows none to this user",
				       fmt::format("{}, or add cap_syslog to the file's capabilities, or set "
						   "kernel.kptr_restrict to 0 and "
						   "kernel.perf_event_paranoid to 1",
						   run_as_root(host.in_user_namespace))});
}

void plan_default_sampling(const RecordOptions &options, const HostSnapshot &host, Plan *plan)
{
	const Candidate *found = best_candidate(options, host);
	if (!found) {
		const int error = host.cpu_clock_user_only_error;
		plan->items.push_back({"sampling", PlanItem::State::missing,
				       fmt::format("no samples: perf_event_open fails: {}", reason_of(error)),
				       is_refusal(error) ? privilege_remedy(host)
							 : "allow perf_event_open (seccomp of a container?)"});
		plan->items.push_back(
			{kOnAndOffCpu, PlanItem::State::missing,
			 "when threads run is not known: perf_event_open gives the context-switch records",
			 plan->items.back().remedy});
		return;
	}
	plan_events({default_group(*found)}, options, host, plan);
	if (found->type != PERF_TYPE_HARDWARE) {
		const int error = host.cycles_user_only_error; // of the attempt that needs the least
		plan->items.push_back({"hardware counters", PlanItem::State::missing,
				       fmt::format("{}; the software clock samples instead", reason_of(error)),
				       is_refusal(error) ? privilege_remedy(host) : ""});
	}
	if (found->user_only && !options.user_only)
		plan->items.push_back({"kernel samples", PlanItem::State::missing,
				       "time in the kernel is not sampled: the kernel does not allow it to this user",
				       privilege_remedy(host)});
	plan_kernel_names(found->user_only, host, plan);
}

void plan_rings(const RecordOptions &options, const HostSnapshot &host, Plan *plan)
{
	if (!options.ring_bytes)
		return;
	const uint64_t pages = std::max<uint64_t>(*options.ring_bytes / host.page_size, 1);
	plan->ring_pages = std::bit_ceil(std::min<uint64_t>(pages, uint64_t{1} << 30 >> 12));
}

void plan_clock(const HostSnapshot &host, Plan *plan)
{
	plan->counter_clock = host.constant_counter;
	if (host.constant_counter)
		plan->items.push_back({"in-process events", PlanItem::State::open,
				       "layers and spikes through shared memory, stamped by the CPU's counter", ""});
	else
		plan->items.push_back(
			{"in-process events", PlanItem::State::degraded,
			 fmt::format("layers and spikes through shared memory, stamped by clock_gettime: {}",
				     host.counter_reason),
			 ""});
}

// Layers of programs that run already come by probes, which BPF programs read.
void plan_attach(const RecordOptions &options, Plan *plan)
{
	constexpr const char *what = "layers of running programs";
	if (options.no_bpf) {
		plan->items.push_back({what, PlanItem::State::missing, "--no-bpf leaves out their events", ""});
		return;
	}
	plan->attach = true;
	const std::size_t count = plan->target.processes.size();
	std::string where = fmt::format("{} process{} and the children they fork", count, count == 1 ? "" : "es");
	if (plan->target.kind == Target::Kind::machine)
		where = "every process; those that are there are looked at once a second";
	plan->items.push_back({what, PlanItem::State::open, "by the probes of neuroperf.h in " + where, ""});
}

} // namespace

std::string reason_of(int error)
{
	switch (error) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
		return "this machine offers none (a virtual machine, or a CPU without a driver)";
	case EACCES:
	case EPERM:
		return "the kernel does not allow it to this user";
	case ENOSYS:
		return "this kernel is built without perf events";
	default:
		return std::strerror(error);
	}
}

std::string some_of(const std::vector<std::string> &names)
{
	constexpr std::size_t kShown = 4;
	const std::size_t shown = names.size() > kShown + 1 ? kShown : names.size();
	std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
	if (shown < names.size())
		text += fmt::format(" and {} more", names.size() - shown);
	return text;
}

std::string to_string(PlanItem::State state)
{
	switch (state) {
	case PlanItem::State::open:
		return "ok";
	case PlanItem::State::degraded:
		return "degraded";
	case PlanItem::State::missing:
		return "missing";
	}
	return "?";
}

bool Plan::dissolve_weak_groups()
{
	bool dissolved = false;
	for (std::size_t i = 0; i < events.size(); i++) {
		PlannedEvent &event = events[i];
		if (!event.weak_group || event.leads(i))
			continue;
		const perf_event_attr &leader = events[event.leader].attr;
		event.attr.disabled = leader.disabled;
		event.attr.enable_on_exec = leader.enable_on_exec;
		event.leader = i;
		dissolved = true;
	}
	return dissolved;
}

std::string Plan::sampling_name() const
{
	for (const PlannedEvent &event : events)
		if (event.attr.sample_period != 0 && event.name != "dummy:u")
			return event.name;
	return "";
}

std::vector<std::string> Plan::host_events() const
{
	std::vector<std::string> names;
	for (const PlannedEvent &event : events)
		if (event.of_host)
			names.push_back(event.name);
	return names;
}

std::vector<recording::TracingSystem> Plan::tracing_systems() const
{
	std::map<std::string, std::set<std::string>> formats; // an event may be named twice
	for (const PlannedEvent &event : events)
		if (event.tracepoint_format)
			formats[event.tracepoint_system].insert(
				event.recorded_format.value_or(*event.tracepoint_format));
	std::vector<recording::TracingSystem> systems;
	for (const auto &[name, texts] : formats)
		systems.push_back({name, {texts.begin(), texts.end()}});
	return systems;
}

Plan make_plan(const RecordOptions &options, const HostSnapshot &host, const Target &target,
	       const std::vector<EventGroup> &requested)
{
	Plan plan;
	plan.target = target;
	plan.kernel_map = host.kernel_text != 0;
	plan_rings(options, host, &plan);
	if (requested.empty()) {
		plan_default_sampling(options, host, &plan);
	} else {
		plan_events(requested, options, host, &plan);
		plan_kernel_names(options.user_only, host, &plan);
	}
	if (target.kind == Target::Kind::program)
		plan_clock(host, &plan);
	else
		plan_attach(options, &plan);
	if (host.invoking_user && !options.as_root &&
	    (target.kind == Target::Kind::program || !options.command.empty())) {
		plan.run_as = host.invoking_user;
		plan.items.push_back({"program", PlanItem::State::open,
				      fmt::format("runs as {} (uid {}), who called sudo", host.invoking_user->name,
						  host.invoking_user->uid),
				      ""});
	}
	return plan;
}

} // namespace neuroperf::collector
