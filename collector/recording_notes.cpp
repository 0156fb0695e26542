// SPDX-License-Identifier: Apache-2.0
#include "collector/recording_notes.hpp"

#include <fmt/format.h>

namespace neuroperf::collector {
namespace {

constexpr unsigned kNotice = 1, kWarning = 2, kDataLoss = 3; // recording::NotePayload

// What of the layers of children is missing.
void write_notes_of_children(const AttachedEventsCounts &counts, RecorderLog *log)
{
	constexpr const char *remedy = "launch the program with neuroperf record, which misses none";
	if (counts.sites_attached == 0)
		return;
	if (counts.children > 0 && counts.latest_child_ns > 0)
		log->write_note(kNotice, "children_attached",
				fmt::format("layers of {} forked children are recorded from the moment they were "
					    "attached to, at most {:.1f} ms after the fork",
					    counts.children, static_cast<double>(counts.latest_child_ns) / 1e6),
				remedy);
	if (counts.inherited_calls_left > 0)
		log->write_note(kWarning, "children_not_attached",
				fmt::format("{} forked children of other users are not recorded: only root may mend "
					    "what they have inherited of their parents' probes",
					    counts.inherited_calls_left),
				"record as root");
	if (const uint64_t missed = counts.children_missed + counts.notices_lost; missed > 0)
		log->write_note(kWarning, "children_missed",
				fmt::format("{} forked children ended before they could be attached to: if they had "
					    "layers, those are missing",
					    missed),
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

} // namespace

void write_opening_notes(const Sources &sources, RecorderLog *log)
{
	if (sources.sampling_error)
		log->write_note(kWarning, "sampling_failed", "no samples: " + sources.sampling_error->what,
				sources.sampling_error->hint);
	if (sources.tracepoints_error)
		log->write_note(kNotice, "tracepoints_by_perf",
				"tracepoints are recorded by perf events, which cost the program more: " +
					sources.tracepoints_error->what,
				"");
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
				fmt::format("{} threads in other pid namespaces ended before they were found: "
					    "their events have the process and thread numbers of in there",
					    unknown),
				"");
	if (const uint64_t damaged = sources.perf_counts().damaged; damaged > 0)
		log->write_note(
			kDataLoss, "damaged_perf_ring",
			fmt::format("the kernel's ring held no whole record {} times; samples are missing", damaged),
			"");
	if (sources.attached)
		write_notes_of_children(sources.attached->counts(), log);
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
	if (sources.tracepoints) {
		log->write_stat("lost_tracepoint_ring_full", sources.tracepoints->counts().dropped);
		log->write_stat("lost_tracepoint_recursion", sources.tracepoints->counts().recursion_misses);
	}
}

} // namespace neuroperf::collector
