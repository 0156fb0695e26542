// SPDX-License-Identifier: Apache-2.0
// Events of drivers, decoded by the format text that the recording carries and by what descriptions say of them.
//
// Of each description the first source counts whose events the recording has, all of them: by what was recorded, never
// by a version. Which one it is, and how often its events came, is kept for the report.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recording/driver_description.hpp"
#include "recording/reader.hpp"

namespace neuroperf::analyzer {

struct JobKey {
	uint32_t space = 0; // keys of other spaces are other jobs
	std::array<uint64_t, 2> number{};
	bool operator==(const JobKey &) const = default;
};

struct JobEvent {
	recording::JobMoment moment{};
	JobKey key;
	std::string_view driver, device, engine; // as the event names them; mostly empty
	uint64_t status = 0;                     // not 0: failed
	uint64_t jobs = 1;                       // of job_done: so many of this key end
	std::string_view task;                   // of task_done: the part of the job that is over
	std::array<std::optional<uint64_t>, recording::kTaskCounts> counts; // of it
	std::string_view state;                                             // of state
	uint64_t value = 0;                                                 // of value
	const recording::DriverRule *rule = nullptr;
	uint64_t ran_ns = 0; // how long the job ran, as the device says; 0: it does not
	uint32_t source = 0; // index into sources()
};

// A source of which the recording has the events.
struct LiveSource {
	const recording::DriverDescription *driver;
	const recording::DriverSource *source;
	uint64_t events = 0; // that matched one of its rules
};

class DriverEvents {
public:
	DriverEvents(const recording::PerfDataReader &reader, std::vector<recording::DriverDescription> drivers);
	DriverEvents(const DriverEvents &) = delete;
	DriverEvents &operator=(const DriverEvents &) = delete;

	// Whether the event, by its index in the file, may tell of jobs.
	bool has(int event) const { return !rules_of_event_[static_cast<std::size_t>(event)].empty(); }
	bool knows(std::string_view driver) const; // by the name of its description
	bool has_any() const { return !sources_.empty(); }
	// What it tells, by one description or several. The texts live as long as the payload, and until the next call.
	void each(int event, std::string_view payload, const std::function<void(const JobEvent &)> &take);

	const std::vector<LiveSource> &sources() const { return sources_; }
	// The description whose devices make such fences, or null.
	const recording::DriverDescription *of_fences(std::string_view fence_driver) const;

private:
	struct Condition {
		recording::EventField field;
		std::string value;
	};
	struct Rule {
		uint32_t source = 0, space = 0;
		const recording::DriverRule *described = nullptr;
		std::vector<Condition> where, except;
		std::vector<recording::EventField> key, engine, task;
		std::array<recording::EventField, recording::kTaskCounts> counts;
		recording::EventField state, value;
		recording::EventField device, driver, status, ran, jobs; // size 0: not told
	};
	void add(const recording::PerfDataReader &reader, const recording::DriverDescription &driver,
		 const recording::DriverSource &source);
	static bool lacks_key(const Rule &rule, std::string_view payload);

	std::vector<recording::DriverDescription> drivers_;
	std::vector<LiveSource> sources_;
	std::vector<std::string> spaces_;
	std::vector<std::vector<Rule>> rules_of_event_;
	std::string engine_, task_, state_; // of the last event, where several fields name it, or a number
};

} // namespace neuroperf::analyzer
