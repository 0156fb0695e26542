// SPDX-License-Identifier: Apache-2.0
#include "collector/recording_notes.hpp"
#include "collector/bpf_support.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <cmath>

#include "bpf/runtime_event.h"
#include "collector/runtime_facts.hpp"
#include "recording/count.hpp"

namespace neuroperf::collector {
namespace {

using recording::Count;

constexpr unsigned kInfo = 0, kNotice = 1, kWarning = 2, kDataLoss = 3; // recording::NotePayload

// What of the layers of children is missing.
void write_notes_of_children(const AttachedEventsCounts &counts, RecorderLog *log)
{
	constexpr const char *remedy = "launch the program with neuroperf record, which misses none";
	if (counts.sites_attached == 0)
		return;
	if (counts.children > 0 && counts.latest_child_ns > 0)
		log->write_note(kNotice, "children_attached",
				fmt::format("layers of {:forked child|forked children} are recorded from the moment "
					    "they were attached to, at most {:.1f} ms after the fork",
					    Count{counts.children}, static_cast<double>(counts.latest_child_ns) / 1e6),
				remedy);
	if (counts.inherited_calls_left > 0)
		log->write_note(
			kWarning, "children_not_attached",
			fmt::format("{:forked child of another user is|forked children of other users are} not "
				    "recorded: only root may mend what they have inherited of their parents' probes",
				    Count{counts.inherited_calls_left}),
			"record as root");
	if (const uint64_t missed = counts.children_missed + counts.notices_lost; missed > 0)
		log->write_note(kWarning, "children_missed",
				fmt::format("{:forked child|forked children} ended before they could be attached to: "
					    "if they had layers, those are missing",
					    Count{missed}),
				remedy);
}

void write_notes_of_attaching(const Sources &sources, RecorderLog *log)
{
	if (sources.attached && sources.attached->counts().sites_attached != 0)
		log->write_note(
			kNotice, "probe_cost",
			"each event of a running program costs it 0.2 to 0.7 us, which is part of its layers' times",
			"launch the program with neuroperf record: an event then costs about 10 ns");
	if (sources.attached && !sources.attached->why_not_at_once().empty())
		log->write_note(kWarning, "children_found_late",
				"new processes are looked for once a second, and their layers before are missing: " +
					sources.attached->why_not_at_once(),
				"");
	if (sources.attach_error)
		log->write_note(kWarning, "not_attached",
				"no layers of running programs: " + sources.attach_error->what,
				sources.attach_error->hint);
}

// How much of each runtime was found, and what watching it cost.
void write_notes_of_runtimes(const RuntimeProbes &runtimes, RecorderLog *log)
{
	if (runtimes.error())
		log->write_note(kWarning, "runtimes_not_attached",
				"a runtime was found, but nothing inside it is recorded: " + runtimes.error()->what,
				runtimes.error()->hint);
	for (const RuntimeFile &file : runtimes.files()) {
		log->write_note(
			file.places_missing.empty() ? kInfo : kWarning, "runtime_places",
			fmt::format(
				"{} in {}: {} of {} places found{}{}, {} of {} functions probed ({} where the kernel "
				"must single-step), {} calls",
				file.title, file.path, file.places_found, file.places,
				file.places_missing.empty() ? "" : "; missing: ", fmt::join(file.places_missing, ", "),
				file.functions_attached, file.functions, file.stepped, runtimes.hits_in(file)),
			file.places_missing.empty()
				? ""
				: "this version may need another description: see neuroperf list runtimes --in FILE");
		if (!file.refused.empty())
			log->write_note(
				kNotice, "runtime_places_refused",
				fmt::format(
					"{:function|functions} of {} without a safe place for a probe; the first: {}",
					Count{file.refused.size()}, file.title, file.refused.front()),
				"");
		if (!file.uncounted.empty())
			log->write_note(kWarning, "runtime_arrays_uncounted",
					fmt::format("{:array|arrays} of {} cannot be counted, the contents are "
						    "missing; the first: {}",
						    Count{file.uncounted.size()}, file.title, file.uncounted.front()),
					"describe their elements too: see docs/adding-a-runtime.md");
	}
	const RuntimeProbesCounts &counts = runtimes.counts();
	if (counts.unreadable > 0)
		log->write_note(kWarning, "runtime_memory_unreadable",
				fmt::format("{:time|times} what a runtime's description names was not in memory: its "
					    "layers are incomplete or have no names",
					    Count{counts.unreadable}),
				"the description may be of another version of the runtime");
	if (counts.too_large > 0)
		log->write_note(kDataLoss, "runtime_sums_too_large",
				fmt::format("{:time|times} a runtime's description names more than {} bytes to add up: "
					    "those counts are left out",
					    Count{counts.too_large}, NP_MOST_SUMMED_BYTES),
				"the description may be of another version of the runtime, or the population is too "
				"large for it");
	if (counts.held > 0)
		log->write_note(kInfo, "runtime_held",
				fmt::format("{:thread that loaded a runtime was|threads that loaded a runtime were} "
					    "held until its probes were there, for {:.1f} ms at most",
					    Count{counts.held}, static_cast<double>(counts.longest_hold_ns) / 1e6),
				"");
	if (counts.held_late > 0)
		log->write_note(
			kWarning, "runtime_held_late",
			fmt::format("{:thread|threads} that loaded a runtime went on before its probes were there, for "
				    "{:.1f} ms at most, as the recorder was busy: calls of that time may be missing",
				    Count{counts.held_late}, static_cast<double>(counts.longest_delay_ns) / 1e6),
			"");
	if (counts.not_held > 0)
		log->write_note(kWarning, "runtime_not_held",
				fmt::format("{:thread|threads} that loaded a runtime could not be held until its "
					    "probes were there: calls of the first milliseconds may be missing",
					    Count{counts.not_held}),
				"");
	if (counts.spans.without_number + counts.spans.too_deep > 0)
		log->write_note(kDataLoss, "runtime_calls_left_out",
				fmt::format("{:call in a runtime is|calls in runtimes are} left out: {} of layers "
					    "beyond the most that a recording has numbers for, {} nested too deeply",
					    Count{counts.spans.without_number + counts.spans.too_deep},
					    counts.spans.without_number, counts.spans.too_deep),
				"look inside fewer runtimes: --runtime NAME");
	if (counts.callers.probed < counts.callers.met)
		log->write_note(kWarning, "runtime_callers_not_probed",
				fmt::format("{} of {} places from which runtimes are called have no probe: calls from "
					    "there are counted, without a duration{}{}",
					    counts.callers.met - counts.callers.probed, counts.callers.met,
					    counts.callers.problem.empty() ? "" : "; ", counts.callers.problem),
				"");
	if (counts.spans.ended_by_next > 0)
		log->write_note(
			kNotice, "runtime_ends_derived",
			fmt::format("{:call of a layer is|calls of layers are} taken to last until the next one of the "
				    "thread began, or their inference ended ({}): what the runtime did in between is "
				    "in their times",
				    Count{counts.spans.ended_by_next},
				    counts.budget.ends_dropped ? fmt::format("probes at their ends too would have cost "
									     "more than the probe budget of {:g} %",
									     runtimes.probe_budget() * 100)
							       : "--begins-only"),
			counts.budget.ends_dropped ? "see their ends too, and disturb more: --probe-budget 100" : "");
	if (counts.budget.not_put_back > 0)
		log->write_note(kDataLoss, "runtime_not_put_back",
				fmt::format("{:probe that was|probes that were} taken off for the probe budget could "
					    "not be put back: their layers are missing from then on",
					    Count{counts.budget.not_put_back}),
				"record all of the time: --probe-budget 100");
	if (counts.budget.times_off > 0)
		log->write_note(kWarning, "runtime_sampled",
				fmt::format("layers, operators and phases of runtimes were recorded during {:.2f} of "
					    "{:.2f} s only, in {:piece|pieces}, as their probes would have cost more "
					    "than the probe budget of {:g} %: their calls are those of that time; "
					    "inferences, spikes and synaptic events are whole",
					    static_cast<double>(counts.budget.sampled_on_ns) / 1e9,
					    static_cast<double>(counts.budget.watched_ns) / 1e9,
					    Count{counts.budget.times_off}, runtimes.probe_budget() * 100),
				"record all of them, and disturb more: --probe-budget 100");
	if (runtimes.probe_budget() < 1 && counts.budget.share_of_kept > runtimes.probe_budget())
		log->write_note(
			kNotice, "runtime_over_budget",
			fmt::format("probes of inferences, spikes and synaptic events alone may have cost {:.2f} % of "
				    "the time of the threads in runtimes ({:.1f} times what was measured before, for "
				    "cold caches), more than the probe budget of {:g} %: they are recorded whole",
				    counts.budget.share_of_kept * 100, counts.budget.reckoned,
				    runtimes.probe_budget() * 100),
			"a description of the runtime without them costs less: --runtime-file");
	if (counts.hits > 0 && !runtimes.trial().known())
		log->write_note(
			kNotice, "runtime_probe_cost",
			fmt::format(
				"{:hit|hits} of probes in runtimes, each about 0.5 to 1.5 us (up to 20 us where the "
				"kernel single-steps), are part of the layers' times; what they cost is n/a ({})",
				Count{counts.hits}, runtimes.trial().why_unknown),
			"");
}

void write_notes_of_agent(const RuntimeProbes &runtimes, RecorderLog *log)
{
	if (runtimes.agent_error())
		log->write_note(kWarning, "no_agent",
				"all of the runtimes is recorded by probes: " + runtimes.agent_error()->what,
				runtimes.agent_error()->hint);
	if (!runtimes.counts().agent || runtimes.files().empty())
		return;
	const AgentCallsCounts &counts = *runtimes.counts().agent;
	if (counts.functions > 0)
		log->write_note(kInfo, "agent",
				fmt::format("calls of {:function|functions} went by the agent inside the program, "
					    "which was held {:time|times} for {:.1f} ms at most to let them",
					    Count{counts.functions}, Count{counts.held},
					    static_cast<double>(counts.longest_hold_ns) / 1e6),
				"");
	if (counts.given_back > 0)
		log->write_note(
			kNotice, "agent_given_back",
			fmt::format("{:runtime was|runtimes were} mapped by more than one process at a time: from then "
				    "on their calls are recorded by probes",
				    Count{counts.given_back}),
			"record each process on its own: mpirun -n 2 neuroperf record -o run.%r.data --agent ...");
	if (!counts.problem.empty())
		log->write_note(counts.functions > 0 ? kNotice : kWarning, "agent_incomplete",
				"some functions are recorded by probes: " + counts.problem, "");
}

void write_notes_of_python(const PythonNamesCounts &told, const RuntimeProbes *runtimes, RecorderLog *log)
{
	if (told.names == 0)
		log->write_note(kWarning, "python_names",
				"no program told names of its modules, as --python-names asks",
				"it needs PyTorch in a Python that heeds PYTHONPATH (not -I, -E, -S)");
	else
		log->write_note(
			kInfo, "python_names",
			fmt::format("Python told {:name|names} of parameters; {:layer is|layers are} named by them",
				    Count{told.names}, Count{runtimes ? runtimes->counts().spans.python_named : 0}),
			"");
	if (told.bad_lines + told.left_out > 0)
		log->write_note(kWarning, "python_names_left_out",
				fmt::format("{} names of modules make no sense, and {} are more than are kept",
					    told.bad_lines, told.left_out),
				"");
}

} // namespace

void write_opening_notes(const Sources &sources, RecorderLog *log)
{
	if (sources.sampling_error)
		log->write_note(kWarning, "sampling_failed", "no samples: " + sources.sampling_error->what,
				sources.sampling_error->hint);
	if (sources.switches)
		log->write_stat("anatomy", 1); // first: switches come as events of ours
	if (sources.switches_error)
		log->write_note(kNotice, "no_anatomy",
				"what threads wait for is not recorded, only when they get and leave a CPU: " +
					sources.switches_error->what,
				sources.switches_error->hint);
	if (sources.tracepoints_error)
		log->write_note(kNotice, "tracepoints_by_perf",
				"tracepoints are recorded by perf events, which cost the program more: " +
					sources.tracepoints_error->what,
				"");
	utsname machine{};
	::uname(&machine);
	if (sources.tracepoints && !counts_misses_of_tracepoints(machine.release))
		log->write_note(
			kInfo, "uncounted_tracepoints",
			fmt::format("Linux {} leaves out a tracepoint's event where another one comes at the same "
				    "moment on that CPU, and counts that only from 6.7 on: few may be missing untold",
				    machine.release),
			"");
	for (const std::string &problem :
	     sources.tracepoints ? sources.tracepoints->problems() : std::vector<std::string>{})
		log->write_note(kWarning, "driver_probe_unattached", "a place of a driver cannot be probed: " + problem,
				"its jobs are not whole: neuroperf list drivers names other sources");
	if (sources.sample_filter_error)
		log->write_note(kNotice, "no_sample_filter",
				"every thread has events of its own: " + sources.sample_filter_error->what, "");
	write_notes_of_attaching(sources, log);
	if (sources.events && sources.events->tasks_left_out() != 0)
		log->write_note(kWarning, "tasks_left_out",
				fmt::format("{} of {} threads are not recorded: the limit of open files is reached",
					    sources.events->tasks_left_out(), sources.plan().target.threads.size()),
				"raise it: ulimit -n, or LimitNOFILE= of the service");
}

void write_closing_notes(const Sources &sources, const std::vector<ChildProcess> &left_running, RecorderLog *log)
{
	for (const ChildProcess &child : left_running)
		log->write_note(kNotice, "child_left_running",
				fmt::format("process {} ({}) was still running when the recording ended", child.pid,
					    child.name),
				"record with --follow to wait for it");
	if (const uint64_t unknown = sources.ring_counts().unknown_numbers; unknown > 0)
		log->write_note(kNotice, "unknown_numbers",
				fmt::format("{:thread in another pid namespace ended before it was|threads in other "
					    "pid namespaces ended before they were} found: their events have the "
					    "process and thread numbers of in there",
					    Count{unknown}),
				"");
	if (const uint64_t damaged = sources.perf_counts().damaged; damaged > 0)
		log->write_note(kDataLoss, "damaged_perf_ring",
				fmt::format("the kernel's ring held no whole record {:time|times}; samples are missing",
					    Count{damaged}),
				"");
	if (sources.attached)
		write_notes_of_children(sources.attached->counts(), log);
	if (sources.runtimes)
		write_notes_of_runtimes(*sources.runtimes, log);
	if (sources.runtimes && sources.plan().agent)
		write_notes_of_agent(*sources.runtimes, log);
	if (sources.python_names)
		write_notes_of_python(sources.python_names->counts(), sources.runtimes ? &*sources.runtimes : nullptr,
				      log);
}

void write_source_stats(const Sources &sources, RecorderLog *log)
{
	log->write_stats(sources.ring_counts());
	if (sources.attached) {
		const AttachedEventsCounts &counts = sources.attached->counts();
		log->write_stat("probe_sites_found", counts.sites_found);
		log->write_stat("probe_sites_attached", counts.sites_attached);
		log->write_stat("lost_probe_ring_full", counts.dropped);
		log->write_stat("lost_probe_recursion", counts.recursion_misses);
		log->write_stat("unnamed_probe_events", counts.unknown_handles);
		log->write_stat("attached_processes", counts.processes);
		log->write_stat("attached_children", counts.children);
		log->write_stat("attached_children_missed", counts.children_missed);
		log->write_stat("attached_children_latest_ns", counts.latest_child_ns);
	}
	if (sources.runtimes && !sources.runtimes->files().empty()) {
		const RuntimeProbesCounts &counts = sources.runtimes->counts();
		log->write_stat("runtime_hits", counts.hits);
		log->write_stat("runtime_hits_of_others", counts.hits_of_others);
		log->write_stat("lost_runtime_ring_full", counts.dropped);
		log->write_stat("lost_runtime_recursion", counts.recursion_misses);
		log->write_stat("unnamed_runtime_events", counts.spans.unnamed);
		log->write_stat("runtime_calls_without_return", counts.spans.entries_without_return);
		log->write_stat("runtime_probe_trial_ns", sources.runtimes->trial().took_ns);
		if (counts.budget.in_place)
			log->write_stat("runtime_probe_in_place_percent",
					static_cast<uint64_t>(std::lround(*counts.budget.in_place * 100)));
		write_runtime_facts(*sources.runtimes, log);
	}
	if (sources.switches) {
		log->write_stat("lost_switches_ring_full", sources.switches->counts().dropped);
		log->write_stat("lost_switches_recursion", sources.switches->counts().recursion_misses);
	}
	if (sources.tracepoints) {
		log->write_stat("lost_tracepoint_ring_full", sources.tracepoints->counts().dropped);
		log->write_stat("lost_tracepoint_recursion", sources.tracepoints->counts().recursion_misses);
	}
}

} // namespace neuroperf::collector
