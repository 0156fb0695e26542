// SPDX-License-Identifier: Apache-2.0
#include "collector/sources.hpp"

#include <bpf/libbpf.h>

#include <algorithm>
#include <numeric>

#include "collector/control_groups.hpp"
#include "collector/event_attr.hpp"
#include "collector/launch.hpp"
#include "collector/recording_plan.hpp"

namespace neuroperf::collector {
namespace {

// Files of our own beside the events, at any time.
constexpr std::size_t kOtherDescriptors = 64;
// How often the mappings of attached processes are read again, for libraries loaded late.
constexpr uint64_t kRescanPeriodNs = 1'000'000'000;

// Of groups and the machine nobody was named: who is gone already is no error.
AttachedTarget attached_target(const Target &target)
{
	if (target.kind == Target::Kind::tasks)
		return {target.processes, nullptr, false};
	if (target.kind == Target::Kind::machine)
		return {{}, all_processes, true};
	return {{}, [folder = target.folder] { return processes_in({"", folder, "", UniqueFd()}); }, false};
}

// Of the side band: all that are online. BPF may be allowed where no perf event is.
std::vector<unsigned> cpus_to_write_on(const Plan &plan)
{
	if (!plan.events.empty())
		return plan.events.front().cpus;
	std::vector<unsigned> cpus(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
	std::iota(cpus.begin(), cpus.end(), 0u);
	return cpus;
}

// They lead themselves, and so do all events behind the first of them.
void drop_probes(std::vector<PlannedEvent> *events)
{
	std::erase_if(*events, [](const PlannedEvent &event) { return event.probe.has_value(); });
	for (std::size_t i = 0; i < events->size(); i++)
		(*events)[i].leader = std::min((*events)[i].leader, i);
}

} // namespace

Status Sources::create_shared_rings()
{
	auto created = SharedRings::create(plan_.counter_clock);
	if (!created.ok())
		return created.error();
	rings.emplace(std::move(*created));
	return Done{};
}

Status Sources::create_python_names()
{
	auto created = PythonNames::create(plan_.run_as);
	if (!created.ok())
		return created.error();
	python_names.emplace(std::move(*created));
	return Done{};
}

std::vector<std::string> Sources::create_agent(const RecordOptions &options)
{
	if (plan_.runtimes.empty())
		return {};
	create_runtimes(options);
	return runtimes->create_agent();
}

void Sources::create_runtimes(const RecordOptions &options)
{
	std::vector<unsigned> cpus = cpus_to_write_on(plan_);
	const std::size_t ring_bytes = tracepoint_ring_bytes(options, cpus.size());
	runtimes.emplace(plan_, std::move(cpus), ring_bytes);
}

void Sources::open(const RecordOptions &options, pid_t program, OpenFileLimit *open_files)
{
	open_tracepoints(options, program);
	open_switches(options, program);
	if (!plan_.events.empty())
		open_events(program, open_files);
	else if (program == 0)
		sampling_error = Error{ErrorCode::privilege,
				       "nothing can be recorded of running tasks: no perf event can be opened", 0,
				       "see neuroperf record --dry-run"};
	if (plan_.attach)
		attach();
	if (plan_.runtimes.empty())
		return;
	if (!runtimes)
		create_runtimes(options);
	if (python_names)
		runtimes->use_names_of(&*python_names);
	if (plan_.events.empty())
		return;
	if (program != 0 && plan_.target.kind == Target::Kind::program) {
		runtimes->open_notices(program);
		int problem = 0;
		if (const std::string file = program_of(options.command.front(), &problem); !file.empty())
			runtimes->look_ahead(file, program);
	} else if (plan_.target.kind == Target::Kind::machine)
		runtimes->open_notices(-1);
}

// Where the plan's programs cannot be had after all, perf events take their place.
void Sources::open_tracepoints(const RecordOptions &options, pid_t program)
{
	const auto is_by_bpf = [](const PlannedEvent &event) { return event.by_bpf; };
	if (std::none_of(plan_.events.begin(), plan_.events.end(), is_by_bpf))
		return;
	auto opened =
		BpfTracepoints::open(plan_, program, tracepoint_ring_bytes(options, plan_.events.front().cpus.size()));
	if (opened.ok()) {
		tracepoints.emplace(std::move(*opened));
		return;
	}
	tracepoints_error = opened.error();
	drop_probes(&plan_.events); // of which no perf event tells
	for (PlannedEvent &event : plan_.events)
		event.by_bpf = false;
}

// Where the plan's program cannot be had after all, the kernel's own records take its place.
void Sources::open_switches(const RecordOptions &options, pid_t program)
{
	if (!plan_.anatomy)
		return;
	auto opened = ThreadSwitches::open(plan_, program, switch_ring_bytes(options));
	if (opened.ok()) {
		switches.emplace(std::move(*opened));
		return;
	}
	switches_error = opened.error();
	plan_.anatomy = false;
	add_context_switches(&plan_.events.front().attr);
}

void Sources::open_sample_filter()
{
	if (!plan_.filters_samples)
		return;
	auto opened = SamplingFilter::open(plan_);
	if (opened.ok())
		sample_filter.emplace(std::move(*opened));
	else
		sample_filter_error = opened.error(); // an event for each thread, as far as they fit
}

void Sources::open_events(pid_t program, OpenFileLimit *open_files)
{
	open_sample_filter();
	const std::size_t tasks = sample_filter ? 1 : std::max<std::size_t>(plan_.target.threads.size(), 1);
	std::size_t descriptors = 0;
	for (const PlannedEvent &event : plan_.events)
		descriptors += tasks * event.cpus.size();
	const Status room = open_files->make_room_for(descriptors + kOtherDescriptors);
	static_cast<void>(room); // what does not fit is left out and told
	Status opened = try_events(program);
	if (!opened.ok() && plan_.dissolve_weak_groups())
		opened = try_events(program);
	if (!opened.ok())
		sampling_error = opened.error();
}

Status Sources::try_events(pid_t program)
{
	auto opened = PerfEvents::open(plan_, program, sample_filter ? sample_filter->program() : -1);
	if (!opened.ok())
		return opened.error();
	events.emplace(std::move(*opened));
	return Done{};
}

void Sources::attach()
{
	auto opened = AttachedEvents::open(attached_target(plan_.target), kAttachedRingBytes,
					   AttachedEvents::kFirstIdBesideSharedRings);
	if (opened.ok())
		attached.emplace(std::move(*opened));
	else
		attach_error = opened.error();
}

std::vector<int> Sources::descriptors() const
{
	std::vector<int> found;
	if (events)
		found = events->descriptors();
	if (tracepoints)
		found.push_back(tracepoints->descriptor());
	if (switches)
		found.push_back(switches->descriptor());
	if (attached)
		found.push_back(attached->descriptor()); // -1 is never ready
	if (runtimes)
		for (const int descriptor : runtimes->descriptors())
			found.push_back(descriptor);
	return found;
}

void Sources::enable()
{
	if (tracepoints)
		tracepoints->enable();
	if (switches)
		switches->enable();
	if (events)
		events->enable();
	if (!runtimes)
		return;
	if (plan_.target.kind != Target::Kind::program) // what they have mapped before
		for (const int pid :
		     plan_.target.kind == Target::Kind::machine ? all_processes() : plan_.target.processes)
			runtimes->look_at(pid);
	runtimes->enable(); // all places at once: the kernel puts the probes on one after another
}

void Sources::enable_side_band()
{
	if (events)
		events->enable_side_band();
}

void Sources::disable()
{
	if (events)
		events->disable();
	if (tracepoints)
		tracepoints->disable();
	if (switches)
		switches->disable();
	if (runtimes)
		runtimes->disable();
}

void Sources::stop()
{
	disable();
	if (rings)
		rings->deactivate();
}

Result<double> Sources::drain(const CounterClock &clock, recording::PerfDataWriter *writer, OwnEventEncoder *encoder,
			      RecorderLog *log)
{
	if (runtimes)
		runtimes->follow_up(); // first: somebody waits for it
	bytes_.clear();
	const uint64_t mappings = perf_counts_.mappings;
	double fill = events ? events->drain(&bytes_, &perf_counts_) : 0;
	const bool new_mappings = perf_counts_.mappings != mappings;
	const double fill_of_runtimes = runtimes ? drain_runtimes(new_mappings, encoder, log) : 0;
	fill = std::max(fill, fill_of_runtimes);
	if (new_mappings)
		build_ids_.add_to(bytes_.data(), bytes_.size(), [&] { serve_runtimes(encoder, log); });
	if (tracepoints)
		fill = std::max(fill, tracepoints->drain(&bytes_));
	if (Status done = writer->append(bytes_); !done.ok())
		return done.error();
	if (switches)
		fill = std::max(fill, switches->drain(encoder));
	if (rings) {
		fill = std::max(fill, rings->drain(clock, encoder));
		for (const Definition &definition : rings->take_definitions(clock))
			log->write_definition(definition);
	}
	if (attached)
		fill = std::max(fill, drain_attached(clock.latest().monotonic_ns, encoder, log));
	if (!encoder->status().ok())
		return encoder->status().error();
	return fill;
}

double Sources::drain_attached(uint64_t now, OwnEventEncoder *encoder, RecorderLog *log)
{
	if (now - last_rescan_ns_ >= kRescanPeriodNs) {
		last_rescan_ns_ = now;
		attached->rescan();
	}
	const double fill = attached->drain(encoder);
	for (const Definition &definition : attached->take_definitions())
		log->write_definition(definition);
	encoder->flush();
	return fill;
}

// First attaches to what has just been mapped: it may be called any moment.
double Sources::drain_runtimes(bool new_mappings, OwnEventEncoder *encoder, RecorderLog *log)
{
	if (new_mappings)
		runtimes->look_at_mappers(bytes_);
	const double fill = runtimes->drain(encoder);
	for (const Definition &definition : runtimes->take_definitions())
		log->write_definition(definition);
	return fill;
}

// Somebody waits, in the middle of something else: a thread that has mapped a runtime, or calls whose ends nobody sees
// yet.
void Sources::serve_runtimes(OwnEventEncoder *encoder, RecorderLog *log)
{
	if (!runtimes)
		return;
	runtimes->follow_up();
	if (runtimes->asks())
		drain_runtimes(false, encoder, log);
}

uint64_t Sources::samples() const
{
	return perf_counts_.samples + (tracepoints ? tracepoints->counts().events : 0);
}

uint64_t Sources::lost_in_process() const
{
	const SharedRingsCounts counts = ring_counts();
	uint64_t lost = counts.lost + counts.lost_without_ring + counts.malformed;
	if (attached)
		lost += attached->counts().dropped + attached->counts().recursion_misses;
	if (runtimes)
		lost += runtimes->counts().lost();
	return lost;
}

} // namespace neuroperf::collector
