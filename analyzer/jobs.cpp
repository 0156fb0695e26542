// SPDX-License-Identifier: Apache-2.0
#include "analyzer/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace neuroperf::analyzer {
namespace {

using recording::JobMoment;

constexpr std::size_t kMostEngines = 4096, kMostHandedOver = 4096, kMostTasks = 65536;

uint32_t number_of(ThreadId thread)
{
	return static_cast<uint32_t>(thread);
}

} // namespace

void Jobs::take(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted)
{
	if (drivers_.sources()[event.source].source->in_order)
		return take_in_order(event, thread, time_ns, counted);
	take_one(event, thread, time_ns, counted);
}

// Jobs of one key are told apart by their number in it. After a loss the count begins anew: jobs that were open then
// stay so.
void Jobs::take_in_order(JobEvent event, ThreadId thread, uint64_t time_ns, bool counted)
{
	const JobKey key = event.key;
	if (ordered_.size() >= kMostOpen && !ordered_.contains(key)) {
		problems_.too_many++;
		return;
	}
	Ordered &ordered = ordered_[key];
	if (ordered.losses != losses_)
		ordered.done = ordered.queued;
	ordered.losses = losses_;
	const auto numbered = [&](uint64_t number) {
		event.key.number[1] = (key.number[1] ^ number) * 0x9e3779b97f4a7c15 + number;
		take_one(event, thread, time_ns, counted);
	};
	switch (event.moment) {
	case JobMoment::queued:
		return numbered(ordered.queued++);
	case JobMoment::done:
		for (uint64_t i = 0; i < event.jobs && ordered.done < ordered.queued; i++)
			numbered(ordered.done++);
		return;
	default:
		return numbered(ordered.done);
	}
}

void Jobs::take_one(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted)
{
	switch (event.moment) {
	case JobMoment::queued:
		queue(event, thread, time_ns, counted);
		return;
	case JobMoment::started:
		return start(event, thread, time_ns);
	case JobMoment::ended:
		return end(event.key, time_ns);
	case JobMoment::done:
		return done(event.key, time_ns, event.status != 0, event.ran_ns);
	case JobMoment::told:
		return told(event, time_ns);
	case JobMoment::pair_made:
		return pair_made(event, thread, time_ns, counted);
	case JobMoment::pair_signaled:
		if (const auto first = job_of_first_.find(event.key); first != job_of_first_.end()) {
			const JobKey job = first->second;
			job_of_first_.erase(first);
			start(job, thread, time_ns);
			return take_fence_of(thread, job, time_ns);
		}
		return done(event.key, time_ns, false);
	case JobMoment::fence_made:
		return fence_made(event, thread, time_ns, counted);
	case JobMoment::fence_signaled:
		if (const auto fence = job_of_fence_.find(event.key); fence != job_of_fence_.end()) {
			end(fence->second, time_ns);
			job_of_fence_.erase(fence);
			return;
		}
		return done(event.key, time_ns, false);
	case JobMoment::task_done:
		return task_done(event, time_ns);
	case JobMoment::state:
	case JobMoment::value:
		return; // of devices, not of jobs
	}
}

uint32_t Jobs::engine(const JobEvent &event)
{
	const LiveSource &source = drivers_.sources()[event.source];
	std::string key = fmt::format("{}\n{}\n{}\n{}", event.key.space, event.driver, event.device, event.engine);
	if (const auto known = engine_by_name_.find(key); known != engine_by_name_.end())
		return known->second;
	Engine made;
	const recording::DriverDescription *by_fence = drivers_.of_fences(event.driver);
	made.driver = by_fence               ? by_fence->title
		      : event.driver.empty() ? source.driver->title
					     : std::string(event.driver);
	made.device = event.device;
	made.name = event.engine;
	made.source = event.source;
	if (engines_.size() >= kMostEngines) { // nobody has so many: the last one stands for all others
		key.clear();
		made.driver = made.device = "";
		made.name = "(others)";
		if (const auto others = engine_by_name_.find(key); others != engine_by_name_.end())
			return others->second;
	}
	engines_.push_back(std::move(made));
	const auto number = static_cast<uint32_t>(engines_.size() - 1);
	engine_by_name_.emplace(std::move(key), number);
	return number;
}

// A context of the engine: contexts do not wait for each other.
void Jobs::told(const JobEvent &event, uint64_t time_ns)
{
	const auto job = open_.find(event.key);
	if (job == open_.end() || event.engine.empty() || job->second.in_context)
		return;
	Engine &before = engines_[job->second.engine];
	const std::deque<JobKey> &started = started_on(job->second.engine);
	const bool is_handed_over = std::find(started.begin(), started.end(), event.key) != started.end();
	leave_engine(event.key, &job->second, time_ns);
	before.waiting--;
	JobEvent named = event;
	const std::string name = fmt::format("{} {}", before.name, event.engine), device = before.device;
	named.engine = name;
	named.device = device;
	job->second.engine = engine(named);
	job->second.in_context = true;
	Engine &context = engines_[job->second.engine];
	context.deepest = std::max(context.deepest, ++context.waiting);
	set_work(&job->second, DeviceWork::queued, time_ns);
	if (is_handed_over)
		hand_over(event.key, &job->second, time_ns);
}

Jobs::Job *Jobs::queue(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted)
{
	if (const auto before = open_.find(event.key); before != open_.end()) {
		problems_.key_again++;
		drop(before, time_ns);
	}
	if (open_.size() >= kMostOpen) {
		problems_.too_many++;
		return nullptr;
	}
	Job job;
	job.engine = engine(event);
	job.layer = layers_.innermost(thread);
	job.queued_ns = time_ns;
	job.counted = counted && window_.has(time_ns);
	Engine &of = engines_[job.engine];
	of.deepest = std::max(of.deepest, ++of.waiting);
	job.thread = thread;
	Job *opened = &open_.emplace(event.key, job).first->second;
	set_work(opened, DeviceWork::queued, time_ns);
	if (!drivers_.sources()[event.source].source->exact)
		hand_over(event.key, opened, time_ns); // nobody will say when
	return opened;
}

void Jobs::drop(Open::iterator job, uint64_t time_ns)
{
	leave_engine(job->first, &job->second, time_ns);
	engines_[job->second.engine].waiting--;
	open_.erase(job);
}

void Jobs::hand_over(const JobKey &key, Job *job, uint64_t time_ns)
{
	std::deque<JobKey> &started = started_on(job->engine);
	if (started.size() >= kMostHandedOver)
		return; // no hardware takes so many
	started.push_back(key);
	if (started.size() == 1)
		set_work(job, DeviceWork::running, time_ns);
}

// The next one that was handed over runs.
void Jobs::leave_engine(const JobKey &key, Job *job, uint64_t time_ns)
{
	std::deque<JobKey> &started = started_on(job->engine);
	const bool first = !started.empty() && started.front() == key;
	if (const auto found = std::find(started.begin(), started.end(), key); found != started.end())
		started.erase(found);
	set_work(job, DeviceWork::none, time_ns);
	if (first && !started.empty())
		if (const auto next = open_.find(started.front()); next != open_.end())
			set_work(&next->second, DeviceWork::running, time_ns);
}

std::deque<JobKey> &Jobs::started_on(uint32_t number)
{
	Engine &of = engines_[number];
	if (of.losses != losses_)
		of.started.clear();
	of.losses = losses_;
	return of.started;
}

void Jobs::lost(uint64_t time_ns)
{
	losses_++;
	if (states_)
		for (const auto &[thread, work] : work_)
			states_->has_work(static_cast<ThreadId>(thread), time_ns, DeviceWork::none);
	work_.clear();
}

void Jobs::set_work(Job *job, DeviceWork work, uint64_t time_ns)
{
	if (job->losses != losses_)
		job->work = DeviceWork::none;
	job->losses = losses_;
	if (job->work == work || !job->has_thread)
		return;
	Work &of_thread = work_[number_of(job->thread)];
	of_thread.queued -= job->work == DeviceWork::queued ? 1 : 0;
	of_thread.running -= job->work == DeviceWork::running ? 1 : 0;
	of_thread.queued += work == DeviceWork::queued ? 1 : 0;
	of_thread.running += work == DeviceWork::running ? 1 : 0;
	job->work = work;
	if (states_)
		states_->has_work(job->thread, time_ns,
				  of_thread.running > 0  ? DeviceWork::running
				  : of_thread.queued > 0 ? DeviceWork::queued
							 : DeviceWork::none);
}

void Jobs::start(const JobEvent &event, ThreadId thread, uint64_t time_ns)
{
	if (!open_.contains(event.key)) {
		problems_.start_without_job += only_queued_ ? 0 : 1;
		if (Job *job = queue(event, thread, time_ns, !only_queued_)) {
			set_work(job, DeviceWork::none, time_ns);
			job->queued_ns = 0;
			job->layer = 0; // whoever runs it did not want it
			job->has_thread = false;
		}
	}
	start(event.key, thread, time_ns);
}

void Jobs::start(const JobKey &key, ThreadId thread, uint64_t time_ns)
{
	const auto job = open_.find(key);
	if (job == open_.end())
		return;
	if (job->second.started_ns == 0)
		hand_over(key, &job->second, time_ns);
	job->second.started_ns = time_ns;
	just_started_[number_of(thread)] = key;
}

void Jobs::end(const JobKey &key, uint64_t time_ns)
{
	const auto job = open_.find(key);
	if (job == open_.end())
		return;
	job->second.ended_ns = time_ns;
	leave_engine(key, &job->second, time_ns);
}

void Jobs::done(const JobKey &key, uint64_t time_ns, bool failed, uint64_t ran_ns)
{
	const auto found = open_.find(key);
	if (found == open_.end()) {
		problems_.end_without_job += only_queued_ ? 0 : 1;
		return;
	}
	Job job = found->second;
	drop(found, time_ns);
	Engine &engine = engines_[job.engine];
	if (ran_ns != 0 && job.started_ns == 0)
		job.started_ns = std::max(job.queued_ns, time_ns - std::min(ran_ns, time_ns));
	const uint64_t end = job.ended_ns != 0 ? job.ended_ns : time_ns;
	const uint64_t told = job.started_ns != 0 ? job.started_ns : job.queued_ns;
	const bool in_order = engine.last_end_ns <= end;
	const uint64_t start = std::min(in_order ? std::max(told, engine.last_end_ns) : told, end);
	if (end > engine.last_end_ns) {
		engine.busy_ns += end - std::max(start, engine.last_end_ns);
		engine.last_end_ns = end;
	}
	if (!job.counted)
		return;
	for (JobStats *stats : {&engine.stats, &by_layer_[{job.layer, job.engine}]}) {
		stats->jobs++;
		stats->failed += failed ? 1 : 0;
		stats->inferred += job.started_ns == 0 ? 1 : 0;
		if (job.queued_ns != 0 && job.queued_ns <= start)
			stats->queue.add(start - job.queued_ns);
		stats->run.add(end - start);
	}
}

// It began when the one before it was over, or the job started, if it does not say how long it took.
void Jobs::task_done(const JobEvent &event, uint64_t time_ns)
{
	const auto found = open_.find(event.key);
	if (found == open_.end())
		return;
	Job &job = found->second;
	const uint64_t since = std::max(job.task_ns, job.started_ns);
	job.task_ns = time_ns;
	const std::pair<uint32_t, std::string> key{job.engine, event.task};
	if (!job.counted || (tasks_.size() >= kMostTasks && !tasks_.contains(key)))
		return;
	TaskStats &stats = tasks_[key];
	stats.tasks++;
	if (event.ran_ns != 0 || since != 0)
		stats.run.add(event.ran_ns != 0 ? event.ran_ns : time_ns - std::min(since, time_ns));
	for (std::size_t i = 0; i < event.counts.size(); i++)
		if (event.counts[i])
			stats.counts[i] = stats.counts[i].value_or(0) + *event.counts[i];
}

// Two of one thread, of contexts that follow each other, with the same number.
void Jobs::pair_made(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted)
{
	const auto first = first_of_pair_.find(number_of(thread));
	if (first != first_of_pair_.end()) {
		const JobKey key = first->second;
		first_of_pair_.erase(first);
		if (key.space == event.key.space && key.number[0] + 1 == event.key.number[0] &&
		    key.number[1] == event.key.number[1]) {
			if (queue(event, thread, time_ns, counted) && job_of_first_.size() < kMostOpen)
				job_of_first_[key] = event.key;
			return;
		}
	}
	first_of_pair_[number_of(thread)] = event.key;
}

void Jobs::fence_made(const JobEvent &event, ThreadId thread, uint64_t time_ns, bool counted)
{
	const auto started = just_started_.find(number_of(thread));
	if (started == just_started_.end()) {
		if (queue(event, thread, time_ns, counted))
			just_made_[number_of(thread)] = {event.key, std::string(event.driver)};
		return;
	}
	join(event.key, event.driver, started->second);
	just_started_.erase(started);
}

// The scheduler signals the first of a pair when the job has been started: the fence that the thread has just made is
// the device's.
void Jobs::take_fence_of(ThreadId thread, const JobKey &job, uint64_t time_ns)
{
	const auto made = just_made_.find(number_of(thread));
	if (made == just_made_.end())
		return;
	const auto [fence, driver] = std::move(made->second);
	just_made_.erase(made);
	const auto as_job = open_.find(fence);
	if (as_job == open_.end())
		return; // it has been signaled
	drop(as_job, time_ns);
	join(fence, driver, job);
	just_started_.erase(number_of(thread));
}

void Jobs::join(const JobKey &fence, std::string_view fence_driver, const JobKey &job)
{
	const auto found = open_.find(job);
	if (found == open_.end() || job_of_fence_.size() >= kMostOpen)
		return;
	job_of_fence_[fence] = job;
	Engine &of = engines_[found->second.engine];
	if (const recording::DriverDescription *driver = drivers_.of_fences(fence_driver))
		of.driver = driver->title;
	else if (drivers_.sources()[of.source].driver->fence_drivers.empty())
		of.driver = fence_driver; // nobody described it: as it calls itself
}

void Jobs::finish(uint64_t time_ns)
{
	for (const auto &[key, job] : open_) {
		if (!job.counted)
			continue;
		const uint64_t since = job.started_ns != 0 ? job.started_ns : job.queued_ns;
		Engine &engine = engines_[job.engine];
		(time_ns - std::min(since, time_ns) > kStuckNs ? engine.stuck : engine.in_flight)++;
	}
	open_.clear();
}

} // namespace neuroperf::analyzer
