// SPDX-License-Identifier: Apache-2.0
#include "collector/recorder.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "collector/host_events.hpp"
#include "collector/kernel_modules.hpp"
#include "collector/lifetime.hpp"
#include "collector/multiplexing.hpp"
#include "collector/output_name.hpp"
#include "collector/recording_header.hpp"
#include "collector/recording_notes.hpp"
#include "collector/running_tasks.hpp"
#include "collector/sources.hpp"
#include "collector/stolen_time.hpp"

namespace neuroperf::collector {
namespace {

using recording::OwnEvent;

// Rounds come at least this often: a tenth of a full ring at 5 million events a second. See adapt_period.
constexpr uint64_t kLongestPeriodNs = 50'000'000;
constexpr uint64_t kShortestPeriodNs = 2'000'000;
constexpr uint64_t kClockPeriodNs = 100'000'000;
constexpr uint64_t kCommitPeriodNs = 250'000'000;
constexpr uint64_t kStatPeriodNs = 1'000'000'000;
// A round that is finished is two periods or more behind what comes then. Of a virtual machine a CPU may be taken away
// for some milliseconds, in the middle of an event that the kernel or a BPF program writes: no record says so.
constexpr uint64_t kShortestRoundNs = 20'000'000;
// How long a round may wait for a thread that is held up in the middle of an event.
constexpr uint64_t kLongestRoundNs = 1'000'000'000;

// Names of layers go into the tracing data, for perf script: at most as many as one record can cover.
constexpr std::size_t kMaxTracingData = recording::PerfDataWriter::kMaxLateContents;

Error system_error(std::string_view doing)
{
	const int code = errno;
	return {ErrorCode::io, fmt::format("cannot {}: {}", doing, std::strerror(code)), code, ""};
}

// 20261124-101500.250, in universal time
std::string time_for_name(uint64_t realtime_ns)
{
	const auto seconds = static_cast<std::time_t>(realtime_ns / 1'000'000'000);
	std::tm parts{};
	::gmtime_r(&seconds, &parts);
	return fmt::format("{:%Y%m%d-%H%M%S}.{:03}", parts, realtime_ns / 1'000'000 % 1000);
}

class Session {
public:
	Session(const RecordOptions &options, const HostSnapshot &host, const Plan &plan)
		: options_(options), host_(host), sources_(plan), clock_(plan.counter_clock),
		  lifetime_(options, plan.target)
	{
	}

	Result<RecordSummary> run();

private:
	// Start.
	Status prepare();
	Status launch();
	Status create_file();
	void poll_sources();
	void write_opening_records();
	std::string append_running_tasks(std::string *records);
	void begin();
	void end_delay_if_due();
	// The loop.
	void wait_and_handle(uint64_t timeout_ns);
	bool is_over();
	void round();
	void drain_sources();
	void write_losses();
	void write_loss_of_switches();
	void write_loss(uint64_t event_id, uint64_t lost, uint64_t *written);
	void append_loss(uint64_t event_id, uint64_t lost, uint64_t time_ns);
	void finish_round();
	void write_stolen_time();
	void commit_if_due(bool now);
	void adapt_period(double fill);
	void switch_file_if_due();
	Status switch_file();
	void stop_writing(const Error &error);
	// End.
	void write_multiplexing();
	void close_file();
	void finish();
	void sum_up();

	const Plan &plan() const { return sources_.plan(); }
	recording::RecordIdentity self(uint64_t time_ns) const;
	uint64_t trailer_type() const;
	uint64_t trailer_id() const;

	const RecordOptions &options_;
	const HostSnapshot &host_;
	OpenFileLimit open_files_; // as it was at the start
	Sources sources_;
	CounterClock clock_;
	uint64_t start_ns_ = 0; // of the program; of running tasks, of the recording
	Lifetime lifetime_;
	std::optional<Launch> launch_; // with a command only

	std::vector<EventTimes> event_times_;      // when the file began
	uint64_t file_start_ns_ = 0;               // of the file that is being written
	uint64_t enabled_ns_ = 0;                  // when events began to be recorded
	std::optional<uint64_t> stolen_before_ns_; // when what the file tells of began
	uint64_t earlier_files_bytes_ = 0;
	std::optional<recording::PerfDataWriter> writer_;
	std::optional<OwnEventEncoder> encoder_;
	std::optional<RecorderLog> log_;
	HostEvents host_events_;

	std::vector<pollfd> polled_; // [0] signals, then sources
	uint64_t lost_written_ = 0, tracepoints_lost_written_ = 0, switches_lost_written_ = 0;
	uint64_t period_ns_ = 5'000'000;
	uint64_t last_round_ns_ = 0;
	uint64_t last_clock_ns_ = 0, last_commit_ns_ = 0, last_stat_ns_ = 0, last_finished_round_ns_ = 0;
	bool delayed_ = false; // nothing is recorded yet but which programs run
	bool is_full_ = false; // options.max_bytes are reached
	RecordSummary summary_;
};

Status Session::prepare()
{
	::signal(SIGXFSZ, SIG_IGN); // a limit on file sizes is an error to report; the child takes the default again
	if (lifetime_.descriptor() < 0)
		return system_error("watch for signals");
	delayed_ = options_.delay_ms != 0;
	if (!options_.command.empty())
		if (Status launched = launch(); !launched.ok())
			return launched;
	auto name = expand_output_name(options_.output, output_name_facts(launch_ ? launch_->pid() : ::getpid()));
	if (!name.ok())
		return name.error();
	summary_.file = *name;
	// From here on in the recorder only: the program keeps the defaults.
	::signal(SIGPIPE, SIG_IGN);
	// A ring that is not drained in time loses events: little CPU, but soon. Where this is not allowed, never mind.
	::setpriority(PRIO_PROCESS, 0, -10);
	sources_.open(options_, launch_ ? launch_->pid() : 0, &open_files_);
	host_events_.join(plan(), host_, sources_.tracepoints ? &*sources_.tracepoints : nullptr);
	const bool asked_for = !options_.events.empty(); // sampling by something else would not do
	if (sources_.sampling_error && (asked_for || (!launch_ && !sources_.attached)))
		return *sources_.sampling_error;
	clock_.advance(); // opening takes a while, and is no part of the recording
	if (Status created = create_file(); !created.ok())
		return created;
	encoder_.emplace(&*writer_, options_.callgraph != CallGraph::none);
	encoder_->set_muted(delayed_);
	log_.emplace(&*encoder_, clock_, plan().tracing_systems());
	poll_sources();
	return Done{};
}

Status Session::launch()
{
	if (Status created = sources_.create_shared_rings(); !created.ok())
		return created;
	std::vector<std::string> environment = {sources_.rings->environment()};
	if (options_.python_names) {
		if (Status created = sources_.create_python_names(); !created.ok())
			return created;
		for (std::string &variable : sources_.python_names->environment())
			environment.push_back(std::move(variable));
	}
	if (plan().agent)
		for (std::string &variable : sources_.create_agent(options_))
			environment.push_back(std::move(variable));
	auto launch = Launch::prepare({options_.command, std::move(environment), plan().run_as, open_files_});
	if (!launch.ok())
		return launch.error();
	launch_.emplace(std::move(*launch));
	lifetime_.set_program(launch_->pid());
	return Done{};
}

Status Session::create_file()
{
	auto writer = recording::PerfDataWriter::create(make_writer_options(
		options_, summary_.file, host_, plan(), sources_.events ? &*sources_.events : nullptr, clock_.latest(),
		!summary_.files.empty()));
	if (!writer.ok())
		return writer.error();
	writer_.emplace(std::move(*writer));
	file_start_ns_ = clock_.latest().monotonic_ns;
	return Done{};
}

void Session::poll_sources()
{
	polled_.push_back({lifetime_.descriptor(), POLLIN, 0});
	for (const int fd : sources_.descriptors())
		polled_.push_back({fd, POLLIN, 0});
}

uint64_t Session::trailer_type() const
{
	return sources_.events ? plan().events.front().attr.sample_type : recording::kOwnSampleType;
}

uint64_t Session::trailer_id() const
{
	return sources_.events ? sources_.events->ids(0).front() : own_event_id(OwnEvent::layer_begin);
}

recording::RecordIdentity Session::self(uint64_t time_ns) const
{
	const auto pid = static_cast<uint32_t>(::getpid());
	return {pid, pid, time_ns, 0, trailer_id()};
}

void Session::write_opening_records()
{
	std::string records;
	recording::RecordIdentity identity = self(clock_.latest().monotonic_ns);
	const bool kernel_seen =
		sources_.events && std::any_of(plan().events.begin(), plan().events.end(),
					       [](const PlannedEvent &event) { return !event.attr.exclude_kernel; });
	if (kernel_seen && plan().kernel_map) {
		constexpr uint64_t kLargestKernelText = 64 << 20;
		records += recording::kernel_mmap_record({0xffffffff, 0, 0, 0, identity.id}, host_.kernel_text,
							 host_.kernel_text + kLargestKernelText, kernel_build_id(),
							 trailer_type());
		records += kernel_modules(trailer_type(), self(file_start_ns_), host_.kernel_release).records;
	}
	const std::string complaint = append_running_tasks(&records);
	if (launch_ && summary_.files.empty()) {
		identity.pid = identity.tid = static_cast<uint32_t>(launch_->pid());
		const std::string &command = options_.command.front();
		records += recording::comm_record(identity, command.substr(command.rfind('/') + 1), trailer_type());
	}
	if (Status done = writer_->append(records); !done.ok())
		stop_writing(done.error());
	if (!complaint.empty())
		log_->write_note(2, "unnamed_processes", complaint, "record as root");
	write_opening_notes(sources_, &*log_);
	host_events_.write(&*log_);
	if (host_.sample_cost_ns && options_.events.empty() && sources_.events)
		log_->write_stat("sample_cost_ns", *host_.sample_cost_ns);
}

// What ran before: names, threads and mappings. Returns what is missing, for the user.
std::string Session::append_running_tasks(std::string *records)
{
	const Target &target = plan().target;
	const bool is_program = target.kind == Target::Kind::program;
	if (!sources_.events || (is_program && summary_.files.empty()))
		return "";
	RunningTasksOptions options;
	options.sample_type = trailer_type();
	options.moment = self(file_start_ns_);
	RunningTasks tasks(options);
	if (target.kind == Target::Kind::machine) {
		if (Status added = tasks.add_all(records); !added.ok())
			return added.error().what;
		return tasks.complaint();
	}
	std::vector<int> processes = target.processes;
	if (is_program)
		for (const ChildProcess &child : descendants(::getpid()))
			processes.push_back(child.pid);
	for (const int process : processes) {
		const Status ended = tasks.add_process(process, records); // if it has, its events end too
		static_cast<void>(ended);
	}
	return tasks.complaint();
}

// Everything is open: what runs already is recorded from now on.
void Session::begin()
{
	enabled_ns_ = monotonic_now_ns();
	stolen_before_ns_ = stolen_ns();
	if (!delayed_) {
		host_events_.begin();
		sources_.enable();
	} else if (plan().target.kind != Target::Kind::program) {
		sources_.enable_side_band();
	}
}

void Session::end_delay_if_due()
{
	if (!delayed_ || monotonic_now_ns() - start_ns_ < uint64_t{options_.delay_ms} * 1'000'000)
		return;
	delayed_ = false;
	enabled_ns_ = monotonic_now_ns();
	stolen_before_ns_ = stolen_ns();
	encoder_->set_muted(false);
	if (sources_.events)
		event_times_ = sources_.events->times(); // of the side band, which began earlier
	host_events_.begin();
	sources_.enable();
	host_events_.write(&*log_);
}

Result<RecordSummary> Session::run()
{
	if (Status done = prepare(); !done.ok()) {
		if (launch_)
			::kill(launch_->pid(), SIGKILL);
		return done.error();
	}
	begin();
	write_opening_records();
	if (launch_) {
		if (Status started = launch_->release(); !started.ok()) {
			::unlink(summary_.file.c_str());
			return started.error();
		}
	}
	start_ns_ = monotonic_now_ns();
	lifetime_.begin(start_ns_);
	while (!is_over()) {
		wait_and_handle(period_ns_);
		end_delay_if_due();
		round();
		is_full_ = options_.max_bytes && earlier_files_bytes_ + writer_->pending_size() >= *options_.max_bytes;
		switch_file_if_due();
	}
	finish();
	sum_up();
	return summary_;
}

bool Session::is_over()
{
	return is_full_ || lifetime_.is_over(sources_.attached && sources_.attached->has_processes());
}

void Session::wait_and_handle(uint64_t timeout_ns)
{
	const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
			       static_cast<long>(timeout_ns % 1'000'000'000)};
	if (::ppoll(polled_.data(), polled_.size(), &timeout, nullptr) <= 0)
		return;
	for (pollfd &entry : polled_)
		if (entry.revents & (POLLHUP | POLLERR | POLLNVAL))
			entry.fd = -1; // the last task of this event is gone: it would be ready for ever
	lifetime_.handle_signals();
}

void Session::round()
{
	if (summary_.write_error)
		return;
	const uint64_t now = clock_.advance().monotonic_ns;
	host_events_.stand(&*log_);
	if (sources_.rings)
		sources_.rings->heartbeat(now);
	drain_sources();
	commit_if_due(false);
	if (sources_.rings)
		sources_.rings->free_rings_of_dead_threads();
}

void Session::drain_sources()
{
	const uint64_t now = clock_.latest().monotonic_ns;
	if (now - last_clock_ns_ >= kClockPeriodNs) {
		last_clock_ns_ = now;
		log_->write_clock();
	}
	const Result<double> fill = sources_.drain(clock_, &*writer_, &*encoder_, &*log_);
	if (!fill.ok())
		return stop_writing(fill.error());
	adapt_period(*fill);
	write_losses();
	finish_round();
}

// A thread that is held up inside an event will publish an old stamp: the round stays open for it, for a while.
void Session::finish_round()
{
	const uint64_t now = clock_.latest().monotonic_ns, since = now - last_finished_round_ns_;
	if (since < (sources_.has_stalled_writer() ? kLongestRoundNs : kShortestRoundNs))
		return;
	last_finished_round_ns_ = now;
	if (Status done = writer_->append(recording::finished_round_record()); !done.ok())
		stop_writing(done.error());
}

// The ring of a busy thread should be about a tenth full when it is drained, and rings of dead threads free again soon.
void Session::adapt_period(double fill)
{
	if (fill > 0.5)
		period_ns_ = kShortestPeriodNs;
	else if (fill > 0.15)
		period_ns_ = std::max(period_ns_ / 2, kShortestPeriodNs);
	else if (fill < 0.05)
		period_ns_ = std::min(period_ns_ * 2, kLongestPeriodNs);
}

void Session::write_losses()
{
	write_loss(own_event_id(OwnEvent::layer_begin), sources_.lost_in_process(), &lost_written_);
	write_loss_of_switches();
	if (sources_.tracepoints)
		write_loss(sources_.tracepoints->first_event_id(), sources_.lost_tracepoints(),
			   &tracepoints_lost_written_);
	last_round_ns_ = clock_.latest().monotonic_ns;
}

// How many from when on, and none any more: in between nothing is known of any thread, whatever is recorded of it.
void Session::write_loss_of_switches()
{
	const uint64_t lost = sources_.lost_switches(), now = clock_.latest().monotonic_ns;
	if (lost == switches_lost_written_)
		return;
	const LossPeriod since_last_round{std::min(last_round_ns_, now), now};
	const LossPeriod period =
		sources_.switches ? sources_.switches->take_loss_period().value_or(since_last_round) : since_last_round;
	const uint64_t id = own_event_id(OwnEvent::switch_out);
	append_loss(id, lost - switches_lost_written_, period.begin_ns);
	append_loss(id, 0, period.end_ns);
	switches_lost_written_ = lost;
}

void Session::write_loss(uint64_t event_id, uint64_t lost, uint64_t *written)
{
	if (lost == *written)
		return;
	append_loss(event_id, lost - *written, clock_.latest().monotonic_ns);
	*written = lost;
}

void Session::append_loss(uint64_t event_id, uint64_t lost, uint64_t time_ns)
{
	const std::string record = recording::lost_record(self(time_ns), event_id, lost, trailer_type());
	if (Status done = writer_->append(record); !done.ok())
		stop_writing(done.error());
}

void Session::write_stolen_time()
{
	const std::optional<uint64_t> now_ns = stolen_ns();
	if (now_ns && stolen_before_ns_)
		log_->write_stat("stolen_ns", *now_ns - std::min(*now_ns, *stolen_before_ns_));
}

void Session::commit_if_due(bool now)
{
	const uint64_t time = clock_.latest().monotonic_ns;
	if (summary_.write_error || (!now && time - last_commit_ns_ < kCommitPeriodNs))
		return;
	last_commit_ns_ = time;
	if (now || time - last_stat_ns_ >= kStatPeriodNs) {
		last_stat_ns_ = time;
		write_source_stats(sources_, &*log_);
		write_stolen_time();
	}
	const std::string tracing = log_->take_tracing_data(kMaxTracingData);
	if (!tracing.empty())
		if (Status done = writer_->update_feature(recording::kFeatureTracingData, tracing); !done.ok())
			return stop_writing(done.error());
	if (Status done = writer_->commit(); !done.ok())
		stop_writing(done.error());
}

void Session::switch_file_if_due()
{
	const uint64_t now = clock_.latest().monotonic_ns;
	const bool large = options_.switch_bytes && writer_->pending_size() >= *options_.switch_bytes;
	const bool old = options_.switch_s && static_cast<double>(now - file_start_ns_) >= *options_.switch_s * 1e9;
	if (summary_.write_error || (!large && !old))
		return;
	if (Status switched = switch_file(); !switched.ok())
		stop_writing(switched.error());
}

// Ends the file, gives it a name with the time, and goes on in a new one that can be read without it.
Status Session::switch_file()
{
	close_file();
	if (summary_.write_error)
		return Done{};
	const std::string name = fmt::format("{}.{}", summary_.file, time_for_name(clock_.latest().realtime_ns));
	if (::rename(summary_.file.c_str(), name.c_str()) != 0)
		return system_error(fmt::format("rename {} to {}", summary_.file, name));
	summary_.files.push_back(name);
	earlier_files_bytes_ += writer_->file_size();
	if (Status created = create_file(); !created.ok())
		return created;
	stolen_before_ns_ = stolen_ns();
	log_->repeat_definitions();
	write_opening_records();
	return Done{};
}

// The file cannot grow: keep what is published, say so in it if that still fits, and let the program run on.
void Session::stop_writing(const Error &error)
{
	if (summary_.write_error)
		return;
	summary_.write_error = error;
	sources_.stop();
	host_events_.leave(0); // another one has the time since the last commit, as far as it can
	encoder_->clear_error();
	log_->write_note(3, "recording_cut", "the recording ends here, before the program did: " + error.what,
			 error.hint);
	if (writer_->append(recording::finished_round_record()).ok()) {
		Status ignored = writer_->commit(); // nothing more can be done
		static_cast<void>(ignored);
	}
}

// Which events shared counters while this file was written.
void Session::write_multiplexing()
{
	if (!sources_.events)
		return;
	std::vector<EventTimes> now = sources_.events->times();
	for (const MultiplexedEvent &found :
	     multiplexed_events(plan(), host_.online_cpus, times_since(now, event_times_))) {
		const MultiplexingNote note = note_of(plan(), found);
		log_->write_note(2, note.code, note.text, note.remedy);
	}
	event_times_ = std::move(now);
}

// Nothing comes behind this in the file.
void Session::close_file()
{
	write_multiplexing();
	log_->write_stat("finished", 1);
	recording::ByteWriter times; // {first, last}, as perf's --time wants it
	times.put(std::max(file_start_ns_, enabled_ns_)).put(clock_.latest().monotonic_ns);
	Status done = writer_->update_feature(recording::kFeatureSampleTime, times.bytes());
	if (done.ok())
		commit_if_due(true);
	else
		stop_writing(done.error());
}

void Session::finish()
{
	if (launch_)
		summary_.left_running = descendants(::getpid());
	const uint64_t end_ns = monotonic_now_ns();
	sources_.disable();
	host_events_.leave(end_ns);
	if (!summary_.write_error) {
		sources_.stop();
		if (sources_.attached)
			sources_.attached->detach();
		if (sources_.runtimes)
			sources_.runtimes->detach();
		clock_.advance();
		drain_sources();
	}
	if (summary_.write_error)
		return;
	host_events_.write(&*log_);
	if (sources_.python_names)
		sources_.python_names->read_lines();
	write_closing_notes(sources_, summary_.left_running, &*log_);
	if (lifetime_.program_ended())
		log_->write_stat("exit_status", static_cast<uint64_t>(lifetime_.exit_status()));
	close_file();
}

void Session::sum_up()
{
	summary_.launched = launch_.has_value();
	summary_.program_ended = lifetime_.program_ended();
	summary_.exit_status = lifetime_.exit_status();
	summary_.ended_by_limit = is_full_ || lifetime_.time_is_over();
	summary_.ended_by_signal = lifetime_.last_signal();
	summary_.sampling_error = sources_.sampling_error;
	summary_.samples = sources_.samples();
	summary_.layer_calls = encoder_->counts().layer_calls;
	summary_.spikes = encoder_->counts().spikes;
	summary_.lost = sources_.perf_counts().lost + sources_.lost_in_process() + sources_.lost_tracepoints() +
			sources_.lost_switches() + encoder_->counts().dropped;
	summary_.file_bytes = earlier_files_bytes_ + writer_->file_size();
}

} // namespace

Result<RecordSummary> record(const RecordOptions &options, const HostSnapshot &host, const Plan &plan)
{
	Session session(options, host, plan);
	return session.run();
}

} // namespace neuroperf::collector
