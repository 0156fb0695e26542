// SPDX-License-Identifier: Apache-2.0
// What events of an accelerator's driver mean (data/drivers/*.json): which one tells that a job was queued, started and
// done, by which fields one finds the job again, and where it ran. Nothing of this is needed to record: a wrong
// description costs another report, never a recording.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recording/driver_probe.hpp"
#include "recording/result.hpp"

namespace neuroperf::recording {

enum class JobMoment {
	queued,  // the driver has the job
	started, // it was handed to the device
	ended,   // the device says that it is ready
	done,    // the driver says so
	told,    // nothing of when: what engine and driver the job is of

	// Of fences, where nothing else tells of jobs. A scheduler makes two for each job, the second one of the
	// context that follows the first one's: when the first is signaled the job starts, when the second is it is
	// done.
	pair_made,
	pair_signaled,
	// The device's own fence is made by the thread that starts a job, and is signaled when it has ended. Where no
	// job has just been started, a fence is a job of its own: it is queued when it is made, and done when it is
	// signaled.
	fence_made,
	fence_signaled,

	task_done, // a part of a job is over: a layer, if the device tells of it

	// Of a device or an engine, not of a job: from now on, until the next one.
	state,
	value,
};
std::string_view to_string(JobMoment moment);

// What parts of jobs may tell of themselves.
enum class TaskCount { spikes, macs, bytes, cycles };
constexpr std::size_t kTaskCounts = 4;
std::string_view to_string(TaskCount count);

struct DriverRule {
	std::string event; // "gpu_scheduler:drm_sched_job_queue"
	JobMoment moment = JobMoment::queued;
	std::vector<std::pair<std::string, std::string>> where;  // fields that must have these values
	std::vector<std::pair<std::string, std::string>> except; // that must not
	std::vector<std::string> key;                            // 1 or 2 fields by which the job is found again
	std::vector<std::string> engine;                         // fields that name it
	std::string device, driver;                              // fields that name them, or empty
	std::string status;      // field that is not 0 where the job has failed, or empty
	std::string ran_ns;      // field of job_done that says how long it ran, or empty
	std::string jobs;        // field of job_done that says of how many jobs it is, or empty
	std::string engine_name; // in place of fields

	std::vector<std::string> task;               // of task_done: fields that name the part
	std::array<std::string, kTaskCounts> counts; // of task_done: fields, by TaskCount; or empty
	std::string state, value;                    // of those: the field
	std::string quantity, unit; // of those: what it is ("clock", "power") and in what ("Hz"), or empty

	std::vector<std::string> fields() const; // that it names
};

// One way to see the jobs. Of a description's sources the first one whose events were recorded counts.
struct DriverSource {
	std::string name;      // "drm_sched, Linux 6.17 and later"
	std::string keys;      // jobs with equal keys are the same where this is the same: "drm_sched"
	bool exact = true;     // it tells when jobs start; else that is inferred
	bool in_order = false; // jobs with equal keys end in the order in which they were queued
	std::vector<DriverRule> rules;
	std::vector<std::string> events() const;      // each once: without these there are no jobs
	std::vector<std::string> more_events() const; // that tell more of them, or of their device, where they are
};

// How the kernel prints an event: "fence={fence_context}:{fence_seqno}, ring={name}". For text that others recorded.
struct EventText {
	std::string event, pattern;
};

struct DriverDescription {
	std::string name;       // "ivpu", the word for --driver
	std::string title;      // "Intel NPU"
	std::string seen;       // which kernel showed it
	std::string knows;      // what its events tell
	std::string infers;     // and what is inferred
	bool is_beside = false; // recorded where another one is: what any driver may stand on
	std::vector<std::string> modules, drm_names, compatible, nodes; // by which one knows that the machine has it
	std::vector<std::string> fence_drivers; // jobs of a scheduler are its where their fences are of these
	bool is_general = false;                // of devices that no other description in use is of
	std::vector<EventText> texts;
	std::vector<DriverProbe> probes; // their events have the description's name for a group
	std::vector<DriverSource> sources;

	// The probe of an event "NAME:PROBE_begin" or "NAME:PROBE_end", or null.
	const DriverProbe *probe_of(std::string_view event) const;
};

// `where` names the text in errors, which say the line where one can be told.
Result<DriverDescription> parse_driver_description(std::string_view text, const std::string &where);
Result<DriverDescription> read_driver_description(const std::string &path);
std::vector<DriverDescription> built_in_drivers();

// Which descriptions to use: "auto" (all), "none", or names; files of the user's come first, and replace others of
// their name. Errors: usage, io or format.
Result<std::vector<DriverDescription>> chosen_drivers(const std::vector<std::string> &names,
						      const std::vector<std::string> &files);

} // namespace neuroperf::recording
