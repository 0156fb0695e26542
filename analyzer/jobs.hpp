// SPDX-License-Identifier: Apache-2.0
// Follows jobs of accelerators: how long each was queued at the driver and ran on the device, and which layer wanted
// it.
//
//   queued ---- queue time ---- started ---- run time ---- ended (the device) - done (the driver)
//
// A job starts when its event says so, but not before the one that its engine ended last: rings that take several jobs
// run them one after the other. Where no event says it, its end may tell how long it ran; else it is inferred by that
// rule alone: when it was queued, or when the one before it ended. It ends when the device's fence or interrupt says
// so, else when it is done. Jobs that do not end in the order in which they started are left as they are told.
//
// Events come in time order. What does not fit is counted: an end without a job, a key that is used again.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analyzer/driver_events.hpp"
#include "analyzer/durations.hpp"
#include "analyzer/layers.hpp"
#include "analyzer/thread_states.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

struct JobStats {
	uint64_t jobs = 0, failed = 0; // ended
	uint64_t inferred = 0;         // of them, whose start no event told
	Durations queue, run;
};

struct Engine {
	std::string driver, device, name;
	uint32_t source = 0; // index into DriverEvents::sources()
	JobStats stats;
	uint64_t in_flight = 0, stuck = 0; // at the end of the recording
	uint64_t waiting = 0, deepest = 0; // jobs queued and not ended: now, and at most
	uint64_t busy_ns = 0;              // at least one job ran
	uint64_t last_end_ns = 0;
	std::deque<JobKey> started; // and not ended; the first one runs
	uint64_t losses = 0;        // that `started` knows of
};

// A part of jobs, by its name and the engine that ran it: a layer, where the device tells of them.
struct TaskStats {
	uint64_t tasks = 0;
	Durations run; // of those whose begin is known
	std::array<std::optional<uint64_t>, recording::kTaskCounts> counts;
};

struct JobProblems {
	uint64_t end_without_job = 0;   // queued before the recording began, or its events were lost
	uint64_t start_without_job = 0; // likewise; it counts as a job without a queue time
	uint64_t key_again = 0;         // the job before it never ended
	uint64_t too_many = 0;          // jobs open at once
};

class Jobs {
public:
	// So long after it was queued, or started, a job that has not ended is called stuck.
	static constexpr uint64_t kStuckNs = 1'000'000'000;

	Jobs(const Layers &layers, const DriverEvents &drivers) : layers_(layers), drivers_(drivers) {}

	void set_window(const TimeWindow &window) { window_ = window; }
	// Is told what becomes of the jobs that threads have queued. Must stay.
	void tell(ThreadStates *states) { states_ = states; }
	// Of others only their starts and ends are in the recording: a job of which nobody knows who queued it is
	// another's.
	void only_queued_ones() { only_queued_ = true; }
	// `thread`: that the event is of. `counted`: whether jobs that it queues are wanted.
	void take(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted);
	// Events are missing: which of the jobs wait or run now nobody knows, until others come.
	void lost(uint64_t time_ns);
	void finish(uint64_t time_ns);

	const std::vector<Engine> &engines() const { return engines_; }
	// By layer, or inference outside of any (0: of neither), and engine, an index into engines().
	const std::map<std::pair<DefinitionNumber, uint32_t>, JobStats> &by_layer() const { return by_layer_; }
	// By engine, an index into engines(), and the name of the part, as many as are kept.
	const std::map<std::pair<uint32_t, std::string>, TaskStats> &tasks() const { return tasks_; }
	const JobProblems &problems() const { return problems_; }

private:
	static constexpr std::size_t kMostOpen = 1 << 20;

	struct Hash {
		std::size_t operator()(const JobKey &key) const
		{
			return (key.number[0] * 0x9e3779b97f4a7c15 ^ key.number[1]) * 0x9e3779b97f4a7c15 ^ key.space;
		}
	};
	struct Job {
		uint32_t engine = 0;
		DefinitionNumber layer = 0;
		uint64_t queued_ns = 0, started_ns = 0, ended_ns = 0; // 0: not told
		uint64_t task_ns = 0;                                 // a part of it was over
		ThreadId thread{};                                    // that queued it
		DeviceWork work = DeviceWork::none;
		uint64_t losses = 0; // that `work` knows of
		bool counted = true, in_context = false, has_thread = true;
	};
	using Open = std::unordered_map<JobKey, Job, Hash>;

	void take_one(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted);
	void take_in_order(JobEvent event, ThreadId thread, uint64_t time_ns, bool counted);
	uint32_t engine(const JobEvent &event);
	void told(const JobEvent &event, uint64_t time_ns);
	Job *queue(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted);
	void start(const JobEvent &event, ThreadId thread, uint64_t time_ns);
	void start(const JobKey &key, ThreadId thread, uint64_t time_ns);
	void hand_over(const JobKey &key, Job *job, uint64_t time_ns);
	void leave_engine(const JobKey &key, Job *job, uint64_t time_ns);
	std::deque<JobKey> &started_on(uint32_t engine);
	void set_work(Job *job, DeviceWork work, uint64_t time_ns);
	void end(const JobKey &key, uint64_t time_ns);
	void task_done(const JobEvent &event, uint64_t time_ns);
	void done(const JobKey &key, uint64_t time_ns, bool failed, uint64_t ran_ns = 0);
	void pair_made(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted);
	void fence_made(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted);
	void take_fence_of(ThreadId thread, const JobKey &job, uint64_t time_ns);
	void join(const JobKey &fence, std::string_view fence_driver, const JobKey &job);
	void drop(Open::iterator job, uint64_t time_ns);

	const Layers &layers_;
	const DriverEvents &drivers_;
	TimeWindow window_;
	bool only_queued_ = false;
	ThreadStates *states_ = nullptr;
	std::vector<Engine> engines_;
	std::map<std::string, uint32_t, std::less<>> engine_by_name_;
	Open open_;
	uint64_t losses_ = 0;
	struct Ordered {
		uint64_t queued = 0, done = 0, losses = 0;
	};
	std::unordered_map<JobKey, Ordered, Hash> ordered_;     // of sources whose jobs end in order, by their keys
	std::unordered_map<JobKey, JobKey, Hash> job_of_fence_; // of the device
	std::unordered_map<JobKey, JobKey, Hash> job_of_first_; // of a pair
	std::unordered_map<uint32_t, std::pair<JobKey, std::string>> just_made_; // fences and their drivers, by thread
	std::unordered_map<uint32_t, JobKey> just_started_;                      // by thread
	std::unordered_map<uint32_t, JobKey> first_of_pair_;                     // by thread
	std::map<std::pair<DefinitionNumber, uint32_t>, JobStats> by_layer_;
	std::map<std::pair<uint32_t, std::string>, TaskStats> tasks_;
	struct Work {
		std::size_t queued = 0, running = 0; // jobs
	};
	std::unordered_map<uint32_t, Work> work_; // by thread
	JobProblems problems_;
};

} // namespace neuroperf::analyzer
